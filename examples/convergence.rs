//! How many model calls does each estimator need?
//!
//! One run of the model serves every estimator and every number of masks N (the first N scores of
//! the run), and a much longer run of another seed stands in for the truth. The program prints how
//! far the maps are from that truth, as medians over the images: the mean squared error over the
//! variance of the truth (1 is what a map of nothing but the mean has; above 1 is worse than that),
//! with the noise of the truth itself taken out of both, the correlation with the truth without that
//! noise, the certainty, which is what the run itself says of that correlation, and the share of the
//! map's elements whose 95 % interval holds the truth. Then it says how many calls each estimator needs for the error that the paper's has at 3000 masks, and draws error against N on
//! log axes. `PassOnly` estimates something else (no bias term), so it has a correlation only.
//!
//! Without arguments it looks at the embedded network and one drawn image, where few masks keep the
//! program quick. A model of your own, seen through a dozen images, says more:
//!
//! ```text
//! cargo run --release --features cli --example convergence -- \
//!     --model sign.onnx --image a.png --image b.png \
//!     --masks 100,300,1000,3000 --truth-masks 20000
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum, value_parser};
use plotters::prelude::*;
use racm::ndarray::{Array3, Array4};
use racm::render::{read_image, resize};
use racm::{
    BlackBoxModel, Error, Estimator, Explainer, Explanation, Ledger, OnnxModel, OnnxOptions,
    Placement, Plan, SurrogatePrior, Target, demo,
};

const ESTIMATORS: [Estimator; 7] = [
    Estimator::HorvitzThompson,
    Estimator::Centred,
    Estimator::SelfNormalised,
    Estimator::PassOnly,
    Estimator::Surrogate,
    Estimator::SurrogateCorrected,
    Estimator::Averaged,
];

/// Colours that stay apart on white (Okabe and Ito), one an estimator.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
];

/// The number of masks whose `HorvitzThompson` error the other estimators are to reach.
const GOAL_MASKS: f64 = 3000.0;

/// Compare estimators by the model calls they need.
#[derive(Parser)]
struct Args {
    /// An ONNX file (input: RGB in [0, 1]), or `demo` for the embedded network
    #[arg(long, default_value = "demo", value_name = "M.onnx|demo")]
    model: String,
    /// A PNG or JPEG file, resized to what the model takes; repeatable
    #[arg(long = "image", value_name = "FILE")]
    images: Vec<PathBuf>,
    /// The model's output with the scores [default: its first]
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// The numbers of masks, N
    #[arg(long, value_delimiter = ',', default_value = "50,100,200",
        value_parser = value_parser!(u64).range(2..1 << 28))]
    masks: Vec<u64>,
    /// Masks of the long run that stands in for the truth
    #[arg(long, default_value_t = 4000, value_parser = value_parser!(u64).range(1000..1 << 28))]
    truth_masks: u64,
    /// Where the cells lie
    #[arg(long, value_enum, default_value_t = Cells::Shifted)]
    placement: Cells,
    /// Seed of the run; the truth has the next one
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What other images of the model taught, written by `racm evaluate --learn-prior`
    #[arg(long, value_name = "FILE")]
    prior: Option<PathBuf>,
    /// Folder for convergence.svg
    #[arg(long, default_value = "out", value_name = "DIR")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Cells {
    Fixed,
    Shifted,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("convergence: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Args) -> Result<(), Failure> {
    args.masks.sort_unstable();
    args.masks.dedup();
    let onnx = (args.model != "demo").then(|| load(&args)).transpose()?;
    let images = images(&args, onnx.as_ref())?;
    let mut cases = Vec::new();
    for (name, image) in &images {
        let case = match &onnx {
            Some(model) => Case::measure(model, image, &args),
            None => Case::measure(&demo::Classifier, image, &args),
        };
        cases.push(case.map_err(|e| format!("{name}: {e}"))?);
    }

    let truth = args.truth_masks;
    let noise = median(cases.iter().map(|c| Some(c.noise))).unwrap_or(f64::NAN);
    let over = format!("{}, medians over {} image(s)", args.model, cases.len());
    println!("{over}; truth: {truth} masks, itself with an error of {noise:.3}\n");
    let error = |e: usize| median_at(&cases, args.masks.len(), |c, n| c.results[e][n].error);
    let correlation =
        |e: usize| median_at(&cases, args.masks.len(), |c, n| c.results[e][n].correlation);
    table("Error (MSE / variance)", &args.masks, error);
    table("Correlation", &args.masks, correlation);
    let certainty =
        |e: usize| median_at(&cases, args.masks.len(), |c, n| c.results[e][n].certainty);
    table("Certainty", &args.masks, certainty);
    let coverage = |e: usize| median_at(&cases, args.masks.len(), |c, n| c.results[e][n].coverage);
    table("Held by 95 % intervals", &args.masks, coverage);

    let goal = median(cases.iter().map(|c| Some(c.goal))).unwrap_or(f64::NAN);
    println!("| Calls for the error of horvitz-thompson at {GOAL_MASKS} ({goal:.3}) | median |");
    println!("|---|---|");
    for (e, estimator) in ESTIMATORS.iter().enumerate() {
        let calls = median(cases.iter().map(|case| case.calls(e, &args.masks)));
        let (first, last) = (args.masks[0], args.masks[args.masks.len() - 1]);
        let calls = match calls {
            None => "-".to_owned(),
            Some(n) if n.is_infinite() => format!("> {last}"),
            Some(n) if n <= first as f64 => format!("<= {first}"),
            Some(n) => format!("{n:.0}"),
        };
        println!("| {} | {calls} |", estimator.name());
    }

    let lines: Vec<_> = (0..ESTIMATORS.len()).map(error).collect();
    let svg = draw(&over, &args.masks, &lines, goal).map_err(|e| format!("the plot: {e}"))?;
    let path = args.out.join("convergence.svg");
    let written = std::fs::create_dir_all(&args.out).and_then(|()| std::fs::write(&path, svg));
    written.map_err(|e| format!("{}: {e}", path.display()))?;
    println!("\nwrote {}", path.display());
    Ok(())
}

fn load(args: &Args) -> Result<OnnxModel, Error> {
    let mut options = OnnxOptions::default();
    options.output.clone_from(&args.output);
    // One thread a call, and as many calls as there are cores.
    options.threads = 1;
    OnnxModel::from_path(&args.model, &options)
}

/// The images, each with its name.
fn images(args: &Args, model: Option<&OnnxModel>) -> Result<Vec<(String, Array3<f32>)>, Failure> {
    if args.images.is_empty() {
        return match model {
            Some(_) => Err("--image is missing (only --model demo draws its own)".into()),
            None => Ok(vec![("the drawn image".to_owned(), demo::image())]),
        };
    }
    let [_, height, width] = model.map_or([None; 3], |model| model.input_shape());
    let read = |path: &Path| {
        let image = read_image(path)?;
        let (_, h, w) = image.dim();
        resize(&image, height.unwrap_or(h), width.unwrap_or(w))
    };
    let named = |path: &PathBuf| Ok((path.display().to_string(), read(path)?));
    args.images.iter().map(named).collect()
}

/// What one image gives.
struct Case {
    /// The error of `HorvitzThompson` at `GOAL_MASKS`.
    goal: f64,
    /// The error of the truth itself: what is well below it cannot be told from 0.
    noise: f64,
    /// One row an estimator, one entry an N.
    results: Vec<Vec<Comparison>>,
}

#[derive(Clone, Copy, Default)]
struct Comparison {
    error: Option<f64>,
    correlation: Option<f64>,
    certainty: Option<f64>,
    /// The share of the map's elements whose 95 % interval holds the truth.
    coverage: Option<f64>,
}

impl Case {
    fn measure<M>(model: &M, image: &Array3<f32>, args: &Args) -> Result<Self, Failure>
    where
        M: BlackBoxModel + Sync,
    {
        let score = |masks: u64, seed: u64| -> Result<(Plan, Ledger), Error> {
            let placement = match args.placement {
                Cells::Fixed => Placement::Fixed,
                Cells::Shifted => Placement::Shifted,
            };
            let builder = Explainer::builder().placement(placement);
            let explainer = builder.masks(masks).seed(seed).build()?;
            let ledger = explainer
                .run(model, image, Target::Top)
                .parallel()
                .score()?;
            Ok((explainer.plan(image.dim().into())?, ledger))
        };
        let most = args.masks[args.masks.len() - 1];
        let (plan, ledger) = score(most, args.seed)?;
        let (_, long) = score(args.truth_masks, args.seed.wrapping_add(1))?;

        let truth = Estimator::Centred.maps(&plan, &long)?;
        let errors = |estimator: Estimator| match estimator.standard_errors(&plan, &long)? {
            Some(errors) => Ok(errors),
            None => Err(Failure::from("--truth-masks has too few blocks")),
        };
        let noise = |errors: &Array4<f32>| mean(errors.iter().map(|&e| f64::from(e).powi(2)));
        let truth_errors = errors(Estimator::Centred)?;
        let own = noise(&truth_errors);
        let variance = covariance(&truth, &truth) - own;
        if variance <= 0.0 {
            return Err("the truth is all noise; raise --truth-masks".into());
        }
        // The spread between its blocks gives the estimator's error with less noise than one run.
        let per_mask = noise(&errors(Estimator::HorvitzThompson)?) * args.truth_masks as f64;
        let goal = per_mask / GOAL_MASKS / variance;

        let prior: Option<SurrogatePrior> = match &args.prior {
            Some(file) => Some(serde_json::from_reader(std::fs::File::open(file)?)?),
            None => None,
        };
        let compare = |estimator: Estimator, masks: u64| -> Result<Comparison, Error> {
            let begun = ledger.prefix(masks);
            let explanation = Explanation::from_ledger(plan.clone(), begun, estimator);
            let explanation = match &prior {
                Some(prior) => explanation.and_then(|e| e.with_surrogate_prior(prior.clone())),
                None => explanation,
            };
            let explanation = match explanation {
                Ok(explanation) => explanation,
                // The estimator has no answer at so few masks.
                Err(Error::TooFewMasks { .. } | Error::NeverSeen { .. }) => {
                    return Ok(Comparison::default());
                }
                Err(error) => return Err(error),
            };
            let maps = explanation.maps().to_owned();
            let differences = maps.iter().zip(&truth).map(|(a, b)| f64::from(a - b));
            let error = (mean(differences.map(|d| d * d)) - own) / variance;
            let coverage = explanation
                .standard_errors()?
                .filter(|_| estimator != Estimator::PassOnly)
                .map(|errors| covered(&maps, &errors, &truth, &truth_errors));
            // The noise of the truth takes something of the correlation with it.
            let scale = (covariance(&maps, &maps) * variance).sqrt();
            Ok(Comparison {
                error: (estimator != Estimator::PassOnly).then_some(error),
                correlation: (scale > 0.0).then(|| covariance(&maps, &truth) / scale),
                certainty: explanation.certainty()?,
                coverage,
            })
        };
        let row = |&estimator: &Estimator| {
            let masks = args.masks.iter();
            masks.map(|&n| compare(estimator, n)).collect()
        };
        let results = ESTIMATORS.iter().map(row).collect::<Result<_, _>>()?;
        let noise = own / variance;
        Ok(Case {
            goal,
            noise,
            results,
        })
    }

    /// The calls that bring an estimator to the goal: on the straight line, in logarithms, between
    /// the two N around it; infinite if the last N does not reach it.
    fn calls(&self, estimator: usize, masks: &[u64]) -> Option<f64> {
        let known = self.results[estimator].iter().zip(masks);
        let points = known.filter_map(|(r, &n)| Some((n as f64, r.error?.max(1e-9))));
        let points: Vec<(f64, f64)> = points.collect();
        let at = points.iter().position(|p| p.1 <= self.goal);
        Some(match at {
            _ if points.is_empty() => return None,
            None => f64::INFINITY,
            Some(0) => points[0].0,
            Some(k) => {
                let ((n0, e0), (n1, e1)) = (points[k - 1], points[k]);
                n0 * (n1 / n0).powf((e0 / self.goal).ln() / (e0 / e1).ln())
            }
        })
    }
}

/// The share of elements within 1.96 standard errors, of the map and of the truth together.
fn covered(map: &Array4<f32>, errors: &Array4<f32>, truth: &Array4<f32>, own: &Array4<f32>) -> f64 {
    let intervals = map.iter().zip(errors).zip(truth.iter().zip(own));
    mean(intervals.map(|((m, e), (t, o))| {
        let held = (m - t).abs() <= 1.96 * e.hypot(*o);
        f64::from(u8::from(held))
    }))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
    sum / count
}

fn covariance(a: &Array4<f32>, b: &Array4<f32>) -> f64 {
    let (ma, mb) = (average(a), average(b));
    let pairs = a.iter().zip(b);
    mean(pairs.map(|(&a, &b)| (f64::from(a) - ma) * (f64::from(b) - mb)))
}

fn average(map: &Array4<f32>) -> f64 {
    mean(map.iter().map(|&v| f64::from(v)))
}

/// The median over images; `None` if one of them has no value.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values = values.collect::<Option<Vec<f64>>>()?;
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        1 => Some(values[half]),
        _ => Some((values.get(half.checked_sub(1)?)? + values[half]) / 2.0),
    }
}

fn median_at(
    cases: &[Case],
    masks: usize,
    value: impl Fn(&Case, usize) -> Option<f64>,
) -> Vec<Option<f64>> {
    let at = |n| median(cases.iter().map(|case| value(case, n)));
    (0..masks).map(at).collect()
}

fn table(title: &str, masks: &[u64], row: impl Fn(usize) -> Vec<Option<f64>>) {
    let heads: Vec<String> = masks.iter().map(|n| format!("N = {n}")).collect();
    println!("| {title} | {} |", heads.join(" | "));
    println!("|---|{}", "---|".repeat(masks.len()));
    for (e, estimator) in ESTIMATORS.iter().enumerate() {
        let text = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
        let cells: Vec<String> = row(e).into_iter().map(text).collect();
        println!("| {} | {} |", estimator.name(), cells.join(" | "));
    }
    println!();
}

/// Error against N on log axes, as an SVG.
fn draw(
    title: &str,
    masks: &[u64],
    lines: &[Vec<Option<f64>>],
    goal: f64,
) -> Result<String, Box<dyn std::error::Error>> {
    // Noise can push an estimate of a small error below 0, where log axes end.
    let points = |line: &[Option<f64>]| -> Vec<(f64, f64)> {
        let known = masks.iter().zip(line);
        known
            .filter_map(|(&n, &e)| e.filter(|&e| e > 0.0).map(|e| (n as f64, e)))
            .collect()
    };
    let lines: Vec<_> = lines.iter().map(|line| points(line)).collect();
    let errors = || lines.iter().flatten().map(|p| p.1).chain([goal]);
    let (low, high) = (errors().fold(goal, f64::min), errors().fold(goal, f64::max));
    let (low, high) = (low / 1.25, high * 1.25);
    let (left, right) = (masks[0] as f64 / 1.1, masks[masks.len() - 1] as f64 * 1.1);
    let decades = (-9..9).flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k)));
    let ticks = decades.filter(|t| (low..high).contains(t)).collect();
    let columns = masks.iter().map(|&n| n as f64).collect();

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (880, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let (plot, legend) = root.split_horizontally(660);
        let mut chart = ChartBuilder::on(&plot)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (left..right).log_scale().with_key_points(columns),
                (low..high).log_scale().with_key_points(ticks),
            )?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc("model calls N")
            .x_label_formatter(&|n| format!("{n:.0}"))
            .y_desc("mean squared error / variance of the truth")
            .y_label_formatter(&|e| format!("{e}"))
            .label_style(("sans-serif", 14))
            .draw()?;
        let grey = RGBColor(110, 110, 110).stroke_width(1);
        let across = [(left, goal), (right, goal)];
        chart.draw_series(DashedLineSeries::new(across, 6, 4, grey))?;
        let mut entries = vec![(format!("horvitz-thompson at {GOAL_MASKS}"), grey)];
        for ((line, estimator), colour) in lines.iter().zip(ESTIMATORS).zip(COLOURS) {
            if line.is_empty() {
                continue;
            }
            // `SelfNormalised` often lies on `Centred`; that shows below it as a wider line.
            let wide = if estimator == Estimator::Centred {
                6
            } else {
                2
            };
            let style = colour.stroke_width(wide);
            chart.draw_series(LineSeries::new(line.iter().copied(), style))?;
            let dot = |&p| Circle::new(p, 3, colour.filled());
            chart.draw_series(line.iter().map(dot))?;
            entries.push((estimator.name().to_owned(), style));
        }
        for ((name, style), y) in entries.into_iter().zip((50..).step_by(22)) {
            legend.draw(&PathElement::new([(4, y), (28, y)], style))?;
            legend.draw(&Text::new(name, (36, y - 7), ("sans-serif", 14)))?;
        }
        root.present()?;
    }
    Ok(svg)
}
