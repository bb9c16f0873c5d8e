//! Arguments about masks and estimators, which both commands share.

use std::str::FromStr;

use clap::ValueEnum;
use racm::{
    Baseline, Enlargement, Estimator, Explainer, Link, McRise, Placement, Racm, Rise, Target,
};

/// What fixes the masks, but for their family.
#[derive(clap::Args)]
#[command(next_help_heading = "Masks")]
pub struct MaskArgs {
    /// Cells over the image: G or GhxGw
    #[arg(long, default_value = "8", value_name = "G|GhxGw")]
    pub grid: GridArg,
    /// Probability that a cell is selected, or `auto` for a pilot of 256 masks for each of seven
    #[arg(long, default_value = "0.5", value_name = "P|auto")]
    pub p_pix: PPixArg,
    /// Seed of the masks
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub seed: u64,
    /// From cells to pixels
    #[arg(long, value_enum, default_value_t = EnlargementArg::Bilinear)]
    pub enlargement: EnlargementArg,
    /// Where the cells lie
    #[arg(long, value_enum, default_value_t = PlacementArg::Shifted)]
    pub placement: PlacementArg,
    /// What excluded pixels show: V, V,V,... (one a channel) or blur:SIGMA
    #[arg(
        long,
        default_value = "0",
        allow_hyphen_values = true,
        value_name = "V[,V...]|blur:SIGMA"
    )]
    pub baseline: BaselineArg,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Method {
    Racm,
    Rise,
    McRise,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum EnlargementArg {
    Bilinear,
    Nearest,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum PlacementArg {
    Shifted,
    Fixed,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum EstimatorArg {
    Centred,
    HorvitzThompson,
    SelfNormalised,
    PassOnly,
    Surrogate,
    SurrogateCorrected,
}

impl EstimatorArg {
    pub fn estimator(self) -> Estimator {
        match self {
            EstimatorArg::Centred => Estimator::Centred,
            EstimatorArg::HorvitzThompson => Estimator::HorvitzThompson,
            EstimatorArg::SelfNormalised => Estimator::SelfNormalised,
            EstimatorArg::PassOnly => Estimator::PassOnly,
            EstimatorArg::Surrogate => Estimator::Surrogate,
            EstimatorArg::SurrogateCorrected => Estimator::SurrogateCorrected,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LinkArg {
    Identity,
    /// ln(score), from 1e-6 on
    Log,
    /// ln(p / (1 - p)), 1e-6 away from 0 and 1
    Logit,
}

impl LinkArg {
    pub fn link(self) -> Link {
        match self {
            LinkArg::Identity => Link::Identity,
            LinkArg::Log => Link::Log { floor: 1e-6 },
            LinkArg::Logit => Link::Logit { clip: 1e-6 },
        }
    }
}

/// `None` asks for a pilot.
#[derive(Clone)]
pub struct PPixArg(pub Option<f64>);

impl FromStr for PPixArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "auto" => Ok(PPixArg(None)),
            _ => s
                .parse()
                .map(|p| PPixArg(Some(p)))
                .map_err(|e| format!("{e}")),
        }
    }
}

#[derive(Clone)]
pub struct TargetArg(pub Target);

impl FromStr for TargetArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let class = |k: &str| k.trim().parse::<usize>().map_err(|e| format!("{k:?}: {e}"));
        Ok(TargetArg(match s {
            "top" => Target::Top,
            "all" => Target::All,
            _ => Target::Classes(s.split(',').map(class).collect::<Result<_, _>>()?),
        }))
    }
}

#[derive(Clone)]
pub struct GridArg(pub [usize; 2]);

impl FromStr for GridArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let number = |n: &str| n.parse::<usize>().map_err(|e| format!("{n:?}: {e}"));
        let (rows, columns) = s.split_once('x').unwrap_or((s, s));
        Ok(GridArg([number(rows)?, number(columns)?]))
    }
}

#[derive(Clone)]
pub struct BaselineArg(pub Baseline);

impl FromStr for BaselineArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if let Some(sigma) = s.strip_prefix("blur:") {
            let sigma = sigma.parse().map_err(|e| format!("{sigma:?}: {e}"))?;
            return Ok(BaselineArg(Baseline::Blur { sigma }));
        }
        let value = |v: &str| v.trim().parse::<f32>().map_err(|e| format!("{v:?}: {e}"));
        let values: Vec<f32> = s.split(',').map(value).collect::<Result<_, _>>()?;
        Ok(BaselineArg(match values[..] {
            [value] => Baseline::Constant(value),
            _ => Baseline::PerChannel(values),
        }))
    }
}

impl MaskArgs {
    /// An explainer's builder with these masks.
    pub fn builder(&self, method: Method) -> racm::ExplainerBuilder {
        let builder = match method {
            Method::Racm => Explainer::builder().family(Racm),
            Method::Rise => Explainer::builder().family(Rise),
            Method::McRise => Explainer::builder().family(McRise::rgb()),
        };
        builder
            .grid(self.grid.0[0], self.grid.0[1])
            .p_pix(self.p_pix.0.unwrap_or(0.5))
            .seed(self.seed)
            .baseline(self.baseline.0.clone())
            .enlargement(match self.enlargement {
                EnlargementArg::Bilinear => Enlargement::Bilinear,
                EnlargementArg::Nearest => Enlargement::Nearest,
            })
            .placement(match self.placement {
                PlacementArg::Shifted => Placement::Shifted,
                PlacementArg::Fixed => Placement::Fixed,
            })
    }
}
