//! The method's sections 2, 3 and 5 once more, written for the tests in another way: f64, dense weights of every
//! cell on every pixel, one mask at a time. Nothing here calls the crate's enlargement, masking or estimators.

use racm::{Enlargement, Estimator, Placement};

/// What a cell shows in a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Show {
    Image,
    Baseline,
    Value(f64),
}

/// Section 2 as two tables, rows are states from 0.
#[derive(Clone, Debug)]
pub struct Table {
    pub feeds: Vec<Vec<bool>>,
    pub shows: Vec<Vec<Show>>,
    /// P_j / P_pix, from the formulas of section 2.
    pub share: Vec<f64>,
}

impl Table {
    pub fn rise(channels: usize) -> Table {
        Table {
            feeds: vec![vec![false], vec![true]],
            shows: vec![vec![Show::Baseline; channels], vec![Show::Image; channels]],
            share: vec![1.0],
        }
    }

    pub fn racm(channels: usize) -> Table {
        let bit = |state: usize, c: usize| (state / 2usize.pow(c as u32)) % 2 == 1;
        let states = 0..2usize.pow(channels as u32);
        let row = |s: usize| (0..channels).map(|c| bit(s, c)).collect::<Vec<_>>();
        let show = |pass: bool| if pass { Show::Image } else { Show::Baseline };
        let c = channels as i32;
        Table {
            feeds: states.clone().map(row).collect(),
            shows: states
                .map(|s| row(s).into_iter().map(show).collect())
                .collect(),
            share: vec![2f64.powi(c - 1) / (2f64.powi(c) - 1.0); channels],
        }
    }

    /// RaCM of groups, where every channel shows what its group shows.
    pub fn grouped(groups: &[Vec<usize>]) -> Table {
        let table = Table::racm(groups.len());
        let channels = 0..groups.iter().map(Vec::len).sum();
        let of = |c: usize| groups.iter().position(|group| group.contains(&c)).unwrap();
        let row = |shows: &Vec<Show>| channels.clone().map(|c| shows[of(c)]).collect();
        Table {
            shows: table.shows.iter().map(row).collect(),
            ..table
        }
    }

    pub fn mc_rise(colours: &[Vec<f32>]) -> Table {
        let n = colours.len();
        let mut feeds = vec![vec![false; n]; n + 1];
        let mut shows = vec![vec![Show::Image; colours[0].len()]];
        for (i, colour) in colours.iter().enumerate() {
            feeds[i + 1][i] = true;
            shows.push(colour.iter().map(|&v| Show::Value(v.into())).collect());
        }
        let share = vec![1.0 / n as f64; n];
        Table {
            feeds,
            shows,
            share,
        }
    }

    pub fn states(&self) -> usize {
        self.feeds.len() - 1
    }

    pub fn planes(&self) -> usize {
        self.share.len()
    }
}

/// Section 10.
impl Table {
    /// `G_jk`, the share of the states that feed plane k among those that feed plane j.
    pub fn along(&self) -> Vec<Vec<f64>> {
        let fed = |planes: &[usize]| {
            let all = |state: &&Vec<bool>| planes.iter().all(|&j| state[j]);
            self.feeds.iter().filter(all).count() as f64
        };
        let planes = 0..self.planes();
        let row = |j: usize| planes.clone().map(|k| fed(&[j, k]) / fed(&[j])).collect();
        planes.clone().map(row).collect()
    }

    /// `G^-1` of the planes `[J x pixels]`: one system for every pixel.
    pub fn own(&self, map: &[f64]) -> Vec<f64> {
        let (along, pixels) = (self.along(), map.len() / self.planes());
        let mut own = vec![0.0; map.len()];
        for p in 0..pixels {
            let at = (0..self.planes()).map(|j| map[j * pixels + p]);
            for (k, v) in solve(along.clone(), at.collect()).into_iter().enumerate() {
                own[k * pixels + p] = v;
            }
        }
        own
    }
}

/// Solves a small system by elimination.
pub fn solve(mut a: Vec<Vec<f64>>, b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    a.iter_mut().zip(b).for_each(|(row, b)| row.push(b));
    for i in 0..n {
        let larger = |&p: &usize, &q: &usize| a[p][i].abs().total_cmp(&a[q][i].abs());
        let pivot = (i..n).max_by(larger).unwrap();
        a.swap(i, pivot);
        let chosen = a[i].clone();
        for (_, row) in a.iter_mut().enumerate().filter(|(r, _)| *r != i) {
            let times = row[i] / chosen[i];
            row.iter_mut()
                .zip(&chosen)
                .for_each(|(v, c)| *v -= times * c);
        }
    }
    (0..n).map(|i| a[i][n] / a[i][i]).collect()
}

/// A plan, an image and a baseline.
#[derive(Clone, Debug)]
pub struct Scene {
    pub table: Table,
    /// C, H, W.
    pub shape: [usize; 3],
    pub grid: [usize; 2],
    pub enlargement: Enlargement,
    pub placement: Placement,
    pub p_pix: f64,
    /// H x W; empty for no region.
    pub region: Vec<bool>,
    /// C x H x W.
    pub image: Vec<f64>,
    pub base: Vec<f64>,
}

/// A mask in pixels: `M_j` and `M_0` (H x W each), and the masked image (C x H x W).
#[derive(Clone, Debug)]
pub struct Picture {
    pub planes: Vec<Vec<f64>>,
    pub bias: Vec<f64>,
    pub masked: Vec<f64>,
}

/// Weights of the cells (columns) on the pixels (rows) of one axis.
fn axis(
    pixels: usize,
    cells: usize,
    offset: usize,
    enlargement: Enlargement,
    placement: Placement,
) -> Vec<Vec<f64>> {
    // Position of a pixel's centre in cells, as a fraction (2 p + 1) a / (2 b).
    let (drawn, a, b) = match placement {
        Placement::Fixed => (cells, cells, pixels),
        _ => (cells + 1, 1, pixels.div_ceil(cells)),
    };
    let weights = |p: usize| {
        let twice = (2 * (p + offset) + 1) * a;
        match enlargement {
            Enlargement::Nearest => {
                let cell = twice / (2 * b);
                (0..drawn).map(|k| f64::from(u8::from(k == cell))).collect()
            }
            // The hat function around each cell's centre; beyond the outermost centres: clamped.
            _ => {
                let u = twice as f64 / (2 * b) as f64 - 0.5;
                let u = u.max(0.0).min((drawn - 1) as f64);
                (0..drawn)
                    .map(|k| (1.0 - (u - k as f64).abs()).max(0.0))
                    .collect()
            }
        }
    };
    (0..pixels).map(weights).collect()
}

impl Scene {
    pub fn pixels(&self) -> usize {
        self.shape[1] * self.shape[2]
    }

    pub fn inside(&self, pixel: usize) -> bool {
        self.region.is_empty() || self.region[pixel]
    }

    pub fn offsets(&self) -> Vec<[usize; 2]> {
        let [_, h, w] = self.shape;
        let count = |pixels: usize, cells| match self.placement {
            Placement::Fixed => 1,
            _ => pixels.div_ceil(cells),
        };
        let columns = count(w, self.grid[1]);
        (0..count(h, self.grid[0]) * columns)
            .map(|i| [i / columns, i % columns])
            .collect()
    }

    pub fn pass(&self) -> Vec<f64> {
        self.table.share.iter().map(|s| s * self.p_pix).collect()
    }

    /// U: the weight of every cell on every pixel.
    pub fn weights(&self, offset: [usize; 2]) -> Vec<Vec<f64>> {
        let [_, h, w] = self.shape;
        let one =
            |pixels, cells, offset| axis(pixels, cells, offset, self.enlargement, self.placement);
        let rows = one(h, self.grid[0], offset[0]);
        let columns = one(w, self.grid[1], offset[1]);
        let outer = |r: &Vec<f64>, c: &Vec<f64>| {
            let products = r.iter().flat_map(|a| c.iter().map(move |b| a * b));
            products.collect::<Vec<f64>>()
        };
        rows.iter()
            .flat_map(|r| columns.iter().map(move |c| outer(r, c)))
            .collect()
    }

    /// The cells with a weight on a pixel (of the region).
    pub fn active(&self, weights: &[Vec<f64>]) -> Vec<bool> {
        let inside: Vec<_> = (0..self.pixels()).filter(|&p| self.inside(p)).collect();
        (0..weights[0].len())
            .map(|cell| inside.iter().any(|&p| weights[p][cell] > 0.0))
            .collect()
    }

    pub fn picture(&self, states: &[usize], weights: &[Vec<f64>]) -> Picture {
        let (n, channels) = (self.pixels(), self.shape[0]);
        let enlarge = |p: usize, outside: f64, rule: &dyn Fn(usize) -> f64| {
            if !self.inside(p) {
                return outside;
            }
            states
                .iter()
                .zip(&weights[p])
                .map(|(&s, w)| w * rule(s))
                .sum()
        };
        let table = &self.table;
        let feeds = |j: usize| move |s: usize| f64::from(u8::from(table.feeds[s][j]));
        let planes = (0..table.planes())
            .map(|j| (0..n).map(|p| enlarge(p, 0.0, &feeds(j))).collect())
            .collect();
        let unselected = |s: usize| f64::from(u8::from(s == 0));
        let bias = (0..n).map(|p| enlarge(p, 1.0, &unselected)).collect();
        let shown = |c: usize, p: usize, s: usize| match table.shows[s][c] {
            Show::Image => self.image[c * n + p],
            Show::Baseline => self.base[c * n + p],
            Show::Value(v) => v,
        };
        let masked = (0..channels * n)
            .map(|i| {
                let (c, p) = (i / n, i % n);
                enlarge(p, shown(c, p, 0), &|s| shown(c, p, s))
            })
            .collect();
        Picture {
            planes,
            bias,
            masked,
        }
    }

    pub fn probability(&self, state: usize) -> f64 {
        match state {
            0 => 1.0 - self.p_pix,
            _ => self.p_pix / self.table.states() as f64,
        }
    }

    /// The number of configurations that `enumerate` visits.
    pub fn configurations(&self) -> usize {
        let count = |o: [usize; 2]| {
            let active = self.active(&self.weights(o));
            let active = active.iter().filter(|&&a| a).count() as u32;
            (self.table.states() + 1)
                .checked_pow(active)
                .unwrap_or(1 << 40)
        };
        self.offsets().into_iter().map(count).sum()
    }

    /// Every offset and every state of every cell that a pixel sees, with its probability.
    pub fn enumerate(&self, mut visit: impl FnMut(f64, [usize; 2], &[usize], &Picture)) {
        let offsets = self.offsets();
        for &offset in &offsets {
            let weights = self.weights(offset);
            let active = self.active(&weights);
            let mut states = vec![0; active.len()];
            loop {
                let cells = states.iter().zip(&active).filter(|(_, a)| **a);
                let p: f64 = cells.map(|(&s, _)| self.probability(s)).product();
                let picture = self.picture(&states, &weights);
                visit(p / offsets.len() as f64, offset, &states, &picture);
                // Count on, in base S + 1, over the active cells.
                let mut digits = states.iter_mut().zip(&active).filter(|(_, a)| **a);
                let carried = digits.find_map(|(digit, _)| {
                    *digit = (*digit + 1) % (self.table.states() + 1);
                    (*digit != 0).then_some(())
                });
                if carried.is_none() {
                    break;
                }
            }
        }
    }
}

/// `w_nj(p) = M_nj(p) / P_j - M_n0(p) / P_0`, 0 where nothing is evaluated: `[J x H x W]`.
pub fn weight(scene: &Scene, picture: &Picture) -> Vec<f64> {
    let p_0 = 1.0 - scene.p_pix;
    let planes = picture.planes.iter().zip(scene.pass());
    planes
        .flat_map(|(m, p_j)| {
            let both = m.iter().zip(&picture.bias).enumerate();
            both.map(move |(p, (m, m_0))| {
                if scene.inside(p) {
                    m / p_j - m_0 / p_0
                } else {
                    0.0
                }
            })
        })
        .collect()
}

/// An estimate and what each mask contributes to it: `estimate = mean of terms + constant`, and the terms'
/// spread is its error.
pub struct Estimate {
    pub map: Vec<f64>,
    /// `[N][J x H x W]`, mean 0: the influence of each mask.
    pub influence: Vec<Vec<f64>>,
}

/// Section 5, the formulas as printed there.
pub fn estimate(scene: &Scene, which: Estimator, pictures: &[Picture], f: &[f64]) -> Estimate {
    let n = f.len() as f64;
    let size = scene.table.planes() * scene.pixels();
    let mean_f = f.iter().sum::<f64>() / n;
    let masks = |i: usize| {
        let (j, p) = (i / scene.pixels(), i % scene.pixels());
        pictures.iter().map(move |m| (m.planes[j][p], m.bias[p]))
    };
    let mut map = vec![0.0; size];
    let mut influence = vec![vec![0.0; size]; f.len()];
    for i in (0..size).filter(|i| scene.inside(i % scene.pixels())) {
        let (p_j, p_0) = (scene.pass()[i / scene.pixels()], 1.0 - scene.p_pix);
        let mut terms: Vec<f64> = match which {
            Estimator::HorvitzThompson => {
                let terms = masks(i).zip(f);
                terms.map(|((m, b), f)| (m / p_j - b / p_0) * f).collect()
            }
            Estimator::PassOnly => masks(i).zip(f).map(|((m, _), f)| m * f / p_j).collect(),
            Estimator::Centred => {
                let terms = masks(i).zip(f);
                terms
                    .map(|((m, b), f)| (m / p_j - b / p_0) * (f - mean_f) * n / (n - 1.0))
                    .collect()
            }
            Estimator::SelfNormalised => {
                let (mut mf, mut m_sum, mut bf, mut b_sum) = (0.0, 0.0, 0.0, 0.0);
                for ((m, b), f) in masks(i).zip(f) {
                    (mf, m_sum, bf, b_sum) = (mf + m * f, m_sum + m, bf + b * f, b_sum + b);
                }
                map[i] = mf / m_sum - bf / b_sum;
                let term = |((m, b), f): ((f64, f64), &f64)| {
                    n * (m * (f - mf / m_sum) / m_sum - b * (f - bf / b_sum) / b_sum)
                };
                masks(i).zip(f).map(term).collect()
            }
            other => panic!("no reference for {other:?}"),
        };
        let mean = terms.iter().sum::<f64>() / n;
        if which != Estimator::SelfNormalised {
            map[i] = mean;
        }
        // Influence of a mask: its term with the mean taken off (Centred's n / (n - 1) as well).
        if which == Estimator::Centred {
            terms.iter_mut().for_each(|t| *t *= (n - 1.0) / n);
        }
        let mean = terms.iter().sum::<f64>() / n;
        for (influence, term) in influence.iter_mut().zip(terms) {
            influence[i] = term - mean;
        }
    }
    Estimate { map, influence }
}

/// Section 6 for a linear functional of the map: the spread between blocks.
pub fn standard_error(
    influence: &[Vec<f64>],
    block: usize,
    functional: impl Fn(&[f64]) -> f64,
) -> f64 {
    let sum = |masks: &[Vec<f64>]| -> f64 { masks.iter().map(|mask| functional(mask)).sum() };
    let blocks: Vec<f64> = influence.chunks(block).map(sum).collect();
    let count = blocks.len() as f64;
    let squares: f64 = blocks.iter().map(|b| b * b).sum();
    (count / (count - 1.0) * squares).sqrt() / influence.len() as f64
}
