//! What the tests explain: families, nonlinear models, noise images, and the bridge from a reference scene to the
//! crate's plan.

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView1, ArrayView4, Axis};
use racm::{
    Baseline, BlackBoxModel, BoxError, Enlargement, Error, Estimator, Explainer, Explanation,
    MaskFamily, MaskSpec, McRise, Placement, Plan, Racm, Region, Rise, Shown,
};

use crate::reference::{Picture, Scene, Show, Table};

pub const ENLARGEMENTS: [Enlargement; 2] = [Enlargement::Nearest, Enlargement::Bilinear];
pub const PLACEMENTS: [Placement; 2] = [Placement::Fixed, Placement::Shifted];

/// A number in [0, 1) that depends on its arguments only, exact in f32.
pub fn noise(stream: u64, i: usize) -> f64 {
    let mut x =
        stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..3 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (x >> 44) as f64 / (1u64 << 20) as f64
}

/// A family of the user's own that uses everything the trait offers: two planes, three states, painted values,
/// image and baseline side by side, an unselected cell that shows both, a state that feeds two planes.
#[derive(Clone, Copy, Debug)]
pub struct Mixed;

impl MaskFamily for Mixed {
    fn name(&self) -> String {
        "mixed".to_owned()
    }
    fn states(&self, _channels: usize) -> u64 {
        3
    }
    fn planes(&self, _channels: usize) -> usize {
        2
    }
    fn incidence(&self, state: u64) -> u64 {
        [0b00, 0b01, 0b11, 0b10][state as usize]
    }
    fn shows(&self, state: u64, channel: usize) -> Shown {
        match (state, channel % 2) {
            (0, 0) | (1, 1) => Shown::Baseline,
            (1, _) => Shown::Value(0.75),
            (3, 1) => Shown::Value(-0.25),
            _ => Shown::Image,
        }
    }
    fn plane_name(&self, plane: usize, _channels: usize) -> String {
        format!("plane {plane}")
    }
}

fn mixed_table(channels: usize) -> Table {
    let row = |show: fn(usize) -> Show| (0..channels).map(show).collect();
    Table {
        feeds: vec![
            vec![false, false],
            vec![true, false],
            vec![true, true],
            vec![false, true],
        ],
        shows: vec![
            row(|c| {
                if c % 2 == 0 {
                    Show::Baseline
                } else {
                    Show::Image
                }
            }),
            row(|c| {
                if c % 2 == 0 {
                    Show::Value(0.75)
                } else {
                    Show::Baseline
                }
            }),
            row(|_| Show::Image),
            row(|c| {
                if c % 2 == 0 {
                    Show::Image
                } else {
                    Show::Value(-0.25)
                }
            }),
        ],
        share: vec![2.0 / 3.0; 2],
    }
}

/// The crate's family, the reference's table, and the number of channels.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub family: Arc<dyn MaskFamily>,
    pub table: Table,
    pub channels: usize,
}

fn kind(
    name: &'static str,
    family: impl MaskFamily + 'static,
    table: Table,
    channels: usize,
) -> Kind {
    Kind {
        name,
        family: Arc::new(family),
        table,
        channels,
    }
}

pub fn kinds() -> Vec<Kind> {
    let seven: Vec<Vec<f32>> = [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 0],
        [1, 0, 1],
        [0, 1, 1],
        [1, 1, 1],
    ]
    .map(|colour| colour.map(|v| v as f32).to_vec())
    .to_vec();
    let two = vec![vec![0.25], vec![-1.5]];
    let named = [("dim", two[0].clone()), ("below", two[1].clone())];
    let mut kinds = vec![
        kind("rise 1", Rise, Table::rise(1), 1),
        kind("rise 3", Rise, Table::rise(3), 3),
        kind("mc-rise 7", McRise::rgb(), Table::mc_rise(&seven), 3),
        kind(
            "mc-rise 2",
            McRise::new(named).unwrap(),
            Table::mc_rise(&two),
            1,
        ),
        kind("mixed", Mixed, mixed_table(3), 3),
    ];
    let groups = [vec![3, 0], vec![1], vec![2, 4]];
    let table = Table::grouped(&groups);
    let named = ["a", "b", "c"].into_iter().zip(groups);
    kinds.push(kind("grouped", Racm::grouped(named).unwrap(), table, 5));
    kinds.extend([1, 2, 3, 5].map(|c| kind("racm", Racm, Table::racm(c), c)));
    kinds
}

/// A noise image over a noise baseline.
pub fn scene(
    kind: &Kind,
    size: [usize; 2],
    grid: [usize; 2],
    enlargement: Enlargement,
    placement: Placement,
    p_pix: f64,
) -> Scene {
    let shape = [kind.channels, size[0], size[1]];
    let n = shape.iter().product();
    Scene {
        table: kind.table.clone(),
        shape,
        grid,
        enlargement,
        placement,
        p_pix,
        region: Vec::new(),
        image: (0..n).map(|i| noise(1, i)).collect(),
        base: (0..n).map(|i| noise(2, i) - 0.5).collect(),
    }
}

/// A region with holes; never empty.
pub fn ragged(size: [usize; 2]) -> Vec<bool> {
    (0..size[0] * size[1])
        .map(|p| p == 0 || noise(3, p) < 0.45)
        .collect()
}

pub fn array(shape: [usize; 3], values: &[f64]) -> Array3<f32> {
    let values = values.iter().map(|&v| v as f32).collect();
    Array3::from_shape_vec((shape[0], shape[1], shape[2]), values).unwrap()
}

impl Scene {
    pub fn spec(&self, kind: &Kind, block_size: usize) -> MaskSpec {
        let [_, h, w] = self.shape;
        let region = (!self.region.is_empty()).then(|| {
            Region::from_pixels(Array2::from_shape_vec((h, w), self.region.clone()).unwrap())
                .unwrap()
        });
        MaskSpec::new(kind.family.clone())
            .grid(self.grid[0], self.grid[1])
            .enlargement(self.enlargement)
            .placement(self.placement)
            .p_pix(self.p_pix)
            .region(region)
            .block_size(block_size)
    }

    pub fn plan(&self, kind: &Kind, block_size: usize) -> Plan {
        Plan::new(self.shape, &self.spec(kind, block_size)).unwrap()
    }

    pub fn image32(&self) -> Array3<f32> {
        array(self.shape, &self.image)
    }

    pub fn baseline(&self) -> Baseline {
        Baseline::Image(array(self.shape, &self.base))
    }

    /// With the estimator that is quick, and a sum over masks.
    pub fn explainer(&self, kind: &Kind, block_size: usize, masks: u64, seed: u64) -> Explainer {
        Explainer::builder()
            .estimator(Estimator::Centred)
            .spec(self.spec(kind, block_size))
            .baseline(self.baseline())
            .masks(masks)
            .seed(seed)
            .build()
            .unwrap()
    }

    /// The reference's picture of a mask that the crate drew.
    pub fn picture_of(&self, mask: &racm::Mask<'_>) -> Picture {
        let states: Vec<usize> = mask.states().iter().map(|&s| s as usize).collect();
        self.picture(&states, &self.weights(mask.offset()))
    }
}

/// A nonlinear score of class `k` in f64: every element matters, neighbours interact.
pub fn score(x: &[f64], k: usize) -> f64 {
    let (mut a, mut b) = (0.0, 0.0);
    for (i, v) in x.iter().enumerate() {
        a += v * (noise(10 + k as u64, i) - 0.3);
        b += v * (noise(40 + k as u64, i) - 0.5);
    }
    let pair = x[0] * x[x.len() - 1];
    (1.7 * a).sin() + b * b + 0.8 * pair + 0.5 * k as f64
}

/// The same as a model of the crate.
pub struct Nonlinear {
    pub classes: usize,
}

pub fn row(values: ArrayView1<'_, f32>) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Scores every image of a batch, flattened.
pub fn score_rows(
    batch: ArrayView4<'_, f32>,
    classes: usize,
    score: impl Fn(&[f64], usize) -> f64,
) -> Array2<f32> {
    let (n, c, h, w) = batch.dim();
    let flat = batch.to_shape((n, c * h * w)).unwrap();
    let rows: Vec<Vec<f64>> = flat.axis_iter(Axis(0)).map(row).collect();
    Array2::from_shape_fn((n, classes), |(i, k)| score(&rows[i], k) as f32)
}

impl BlackBoxModel for Nonlinear {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        Ok(score_rows(batch, self.classes, score))
    }
}

pub fn bits(maps: ndarray::ArrayView4<'_, f32>) -> Vec<u32> {
    maps.iter().map(|v| v.to_bits()).collect()
}

pub fn assert_same(a: &Explanation, b: &Explanation) {
    assert_eq!(a.masks(), b.masks());
    assert_eq!(a.targets(), b.targets());
    assert_eq!(bits(a.maps()), bits(b.maps()));
}

/// The largest difference, in units of the largest reference value (at least 1).
pub fn worst<'v>(got: impl IntoIterator<Item = &'v f32>, expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    let got: Vec<f64> = got.into_iter().map(|&v| f64::from(v)).collect();
    assert_eq!(got.len(), expected.len());
    let differences = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m }) / scale
}

/// The cause, and the scores that were there before.
pub fn partial(error: racm::RunError) -> (Error, racm::Ledger) {
    let (cause, ledger) = error.into_parts();
    match ledger {
        Some(ledger) => (cause, ledger),
        None => panic!("no mask was scored: {cause}"),
    }
}
