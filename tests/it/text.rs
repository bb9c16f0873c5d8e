//! Values as text: what is written is read again, and what cannot be read says what could.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use racm::metrics::{Averaging, Elements, Order};
use racm::{
    Baseline, Class, Effect, Enlargement, Estimator, Family, Link, McRise, Placement, Racm, Target,
};

use crate::errors::says;

fn goes_round<T: Display + FromStr<Err = racm::Error> + PartialEq + Debug>(value: T) {
    let text = value.to_string();
    assert_eq!(text.parse::<T>().unwrap(), value, "{text}");
}

#[test]
fn names_go_round() {
    Estimator::ALL.iter().copied().for_each(goes_round);
    Effect::ALL.iter().copied().for_each(goes_round);
    Enlargement::ALL.iter().copied().for_each(goes_round);
    Placement::ALL.iter().copied().for_each(goes_round);
    Elements::ALL.iter().copied().for_each(goes_round);
    Order::ALL.iter().copied().for_each(goes_round);
    Averaging::ALL.iter().copied().for_each(goes_round);
    [Target::Top, Target::All].into_iter().for_each(goes_round);
    for text in [
        "3-7",
        "top-next",
        "next-0",
        "3+4-7",
        "0.5*3+0.5*4-7",
        "-1*3",
        "-0.25*top+2",
        "1*5",
        "2*top",
    ] {
        goes_round(text.parse::<Target>().unwrap());
        assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }
    assert_eq!("3-7".parse::<Target>().unwrap(), Target::difference(3, 7));
    assert_eq!(
        " 2 * 3 - top ".parse::<Target>().unwrap(),
        Target::Sum(vec![(2.0, Class::Index(3)), (-1.0, Class::Top)])
    );
    let families = [Family::Racm, Family::Rise, Family::McRise(McRise::rgb())];
    assert_eq!(
        families.clone().map(|f| f.to_string()),
        ["racm", "rise", "mc-rise"]
    );
    families.into_iter().for_each(goes_round);
    assert_eq!("log".parse::<Link>().unwrap(), Link::Log { floor: 1e-6 });
    assert_eq!("logit".parse::<Link>().unwrap(), Link::Logit { clip: 1e-6 });
    assert_eq!(format!("[{:>9}]", Placement::Fixed), "[    fixed]");
}

#[cfg(any(feature = "onnx", feature = "ort"))]
#[test]
fn devices_go_round() {
    use racm::Device;
    goes_round(Device::Cpu);
    (0..=u8::MAX).map(Device::Cuda).for_each(goes_round);
    assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
    assert_eq!(format!("[{:>7}]", Device::Cuda(3)), "[ cuda:3]");
    for text in [
        "", "gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:+1", "cuda:256", "cuda:1e0", "cuda 1",
    ] {
        let expected =
            format!("device is {text:?}, expected cpu, cuda or cuda:N with N from 0 to 255");
        says(text.parse::<Device>().unwrap_err(), &expected);
    }
}

proptest! {
    #[test]
    fn numbers_go_round(
        values in prop::collection::vec(-1e30f32..1e30, 1..5),
        classes in prop::collection::vec(any::<usize>(), 1..5),
        small in 1e-30f32..0.5,
        sigma in 1e-3f64..1e4,
    ) {
        goes_round(Baseline::Constant(values[0]));
        goes_round(Baseline::PerChannel(values.clone()));
        goes_round(Baseline::Blur { sigma });
        let weights = values.iter().map(|&w| f64::from(w)).filter(|w| *w != 0.0);
        let terms = weights.zip(0..).map(|(w, k)| (w, Class::Index(classes[0] / 2 + k)));
        let terms: Vec<_> = terms.collect();
        if !terms.is_empty() {
            goes_round(Target::Sum(terms));
        }
        goes_round(Target::Classes(classes));
        goes_round(Link::Identity);
        goes_round(Link::Log { floor: small });
        goes_round(Link::Logit { clip: small });
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9:,. *+-]{0,12}") {
        let _ = text.parse::<Baseline>();
        let _ = text.parse::<Target>();
        let _ = text.parse::<Link>();
        let _ = text.parse::<Family>();
        let _ = text.parse::<Estimator>();
    }
}

#[test]
fn what_cannot_be_read_says_what_could() {
    fn refused<T: FromStr<Err = racm::Error> + Debug>(text: &str, message: &str) {
        says(text.parse::<T>().unwrap_err(), message);
    }
    let names = "averaged, centred, horvitz-thompson, self-normalised, pass-only, surrogate, surrogate-corrected, lime, kernel-shap";
    refused::<Estimator>(
        "Centred",
        &format!("estimator is \"Centred\", expected {names}"),
    );
    refused::<Placement>("", "placement is \"\", expected shifted, fixed");
    refused::<Family>("lime", "family is \"lime\", expected racm, rise or mc-rise");
    let links = "expected identity, log, log:FLOOR, logit or logit:CLIP";
    refused::<Link>("log:", &format!("link is \"log:\", {links}"));
    refused::<Link>("identity:1", &format!("link is \"identity:1\", {links}"));
    refused::<Link>(
        "log:0",
        "link's floor is 0, expected a finite number greater than 0",
    );
    refused::<Link>(
        "logit:nan",
        "link's clip is NaN, expected a number in (0, 0.5)",
    );
    let baselines = "expected V, V,V,... (one a channel), blur:SIGMA or segment-means";
    for text in ["image", "blur:", "1,,2", ",", "0x1"] {
        refused::<Baseline>(text, &format!("baseline is {text:?}, {baselines}"));
    }
    let targets = "expected top, all, or classes K[,K...] from 0 on; or a difference A-B of classes, top and next among them";
    for text in [
        "-1", "Top", "1;2", "", "next", "3-", "-3", "+3-7", "3--7", "3-7,5", "3-all", "3*", "*3",
        "2*3*4", "1e-5*3-7", "3 7-1", "-", "1.5-2",
    ] {
        refused::<Target>(text, &format!("target is {text:?}, {targets}"));
    }
    for (text, wrong) in [
        ("3-3", "3-3, expected different classes"),
        ("top-2*top", "top-2*top, expected different classes"),
        (
            "3-0*7",
            "3-0*7, with the weight -0, expected weights that are finite and not 0",
        ),
        (
            "inf*3-7",
            "inf*3-7, with the weight inf, expected weights that are finite and not 0",
        ),
    ] {
        refused::<Target>(text, &format!("target is {wrong}"));
    }
    // A family of one's own colours or groups has a name, but not one that is read.
    let groups = Family::GroupedRacm(Racm::grouped([("a", [1]), ("b", [0])]).unwrap());
    assert_eq!(groups.to_string(), "racm in groups [1, 0]");
    assert!(groups.to_string().parse::<Family>().is_err());
}
