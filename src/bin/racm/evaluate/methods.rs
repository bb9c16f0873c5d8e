//! The methods that are compared, and the rows of the table that they make.

use clap::ValueEnum;
use racm::{CamMethod, Effect, Estimator, Family, McRise};

use super::store::Case;
use crate::args::value_name;

/// A map of one of the methods: the part of a [`Case`] that fixes the masks, and the rest.
pub struct Kind {
    pub family: Family,
    /// MC-RISE with its sign turned.
    pub negated: bool,
    pub masks: u64,
    pub estimator: Estimator,
    pub effect: Effect,
    pub keep: Option<f64>,
    /// A regression on the segments of a grid.
    pub segments: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum MethodArg {
    Racm,
    /// By channel through Eq. 12
    McRise,
    /// The same with its sign turned: what painting over takes away
    McRiseNegated,
    Rise,
    /// On the cells of a hard grid that stands still
    Lime,
    /// The same
    KernelShap,
    Cam,
    GradCam,
    GradCamPp,
    ScoreCam,
    AblationCam,
    GroupCam,
}

impl MethodArg {
    /// The class activation map, if it is one.
    pub fn cam(self) -> Option<CamMethod> {
        value_name(self).parse().ok()
    }
}

/// The rows of the table, and how to make those that a method makes.
///
/// Each method with every number of masks, and restricted to each fraction of the pixels.
pub fn cases(
    methods: &[MethodArg],
    masks: &[u64],
    estimators: &[Estimator],
    effects: &[Effect],
    keeps: &[f64],
) -> (Vec<Kind>, Vec<Case>) {
    let (mut kinds, mut cases) = (Vec::new(), Vec::new());
    let keeps: Vec<Option<f64>> = [None]
        .into_iter()
        .chain(keeps.iter().copied().map(Some))
        .collect();
    for &method in methods {
        let (family, estimators) = match method {
            MethodArg::Racm => (Family::Racm, estimators),
            MethodArg::McRise | MethodArg::McRiseNegated => {
                (Family::McRise(McRise::rgb()), estimators)
            }
            MethodArg::Rise => (Family::Rise, estimators),
            MethodArg::Lime => (Family::Rise, &[Estimator::Lime][..]),
            MethodArg::KernelShap => (Family::Rise, &[Estimator::KernelShap][..]),
            _ => continue,
        };
        let negated = method == MethodArg::McRiseNegated;
        let segments = matches!(method, MethodArg::Lime | MethodArg::KernelShap);
        // Of the others both effects are one.
        let effects = match method {
            MethodArg::Racm => effects,
            _ => &[Effect::Plane],
        };
        for (&keep, &masks) in keeps.iter().flat_map(|k| masks.iter().map(move |n| (k, n))) {
            let ways = estimators
                .iter()
                .flat_map(|e| effects.iter().map(move |f| (e, f)));
            for (&estimator, &effect) in ways {
                cases.push(Case {
                    map: value_name(method),
                    masks: Some(masks),
                    estimator: Some(estimator.name().to_owned()),
                    effect: (method == MethodArg::Racm).then(|| effect.name().to_owned()),
                    keep,
                });
                kinds.push(Kind {
                    family: family.clone(),
                    negated,
                    masks,
                    estimator,
                    effect,
                    keep,
                    segments,
                });
            }
        }
    }
    let cams = methods.iter().filter_map(|method| method.cam());
    let cams = cams.map(|method| method.name());
    cases.extend(cams.chain(["random", "uniform"]).map(|map| Case {
        map: map.to_owned(),
        masks: None,
        estimator: None,
        effect: None,
        keep: None,
    }));
    (kinds, cases)
}
