//! Channels that pass together; the enumeration of `expectation` and `agreement` has them among its families.

use ndarray::{Array2, Array3, ArrayView4, Axis};
use racm::{
    Baseline, Estimator, Explainer, FnModel, MaskFamily, MaskSpec, Placement, Plan, Racm, Region,
    Rise, Shown,
};

use crate::errors::says;
use crate::worlds::{Nonlinear, assert_same, noise};

fn image(channels: usize) -> Array3<f32> {
    Array3::from_shape_fn((channels, 9, 12), |(c, y, x)| {
        noise(5, (c * 9 + y) * 12 + x) as f32
    })
}

#[test]
fn groups_of_one_are_racm() {
    let alone = Racm::grouped([("r", [0]), ("g", [1]), ("b", [2])]).unwrap();
    let plan = |spec: MaskSpec| Plan::new([3, 9, 12], &spec.grid(3, 4)).unwrap();
    let (a, b) = (
        plan(MaskSpec::new(alone.clone())),
        plan(MaskSpec::default()),
    );
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert_eq!(a.plane_names(), ["r", "g", "b"]);
    let builder = Explainer::builder().grid(3, 4).masks(200);
    let model = Nonlinear { classes: 2 };
    let explain = |builder: racm::ExplainerBuilder| {
        builder
            .build()
            .unwrap()
            .explain(&model, &image(3), [1, 0])
            .unwrap()
    };
    let racm = explain(builder.clone());
    assert_same(&explain(builder.clone().family(alone)), &racm);
    // In another order they are other masks, and ledgers know.
    let turned = Racm::grouped([("b", [2]), ("g", [1]), ("r", [0])]).unwrap();
    let turned = explain(builder.family(turned));
    assert_ne!(turned.plan().fingerprint(), racm.plan().fingerprint());
    assert!(turned.into_ledger().merge(racm.ledger()).is_err());
}

#[test]
fn families_say_what_they_were_made_of() {
    let groups = Racm::grouped([("wind", vec![2, 0]), ("rain", vec![1])]).unwrap();
    assert_eq!(groups.names(), ["wind", "rain"]);
    assert_eq!(groups.groups(), [vec![2, 0], vec![1]]);
    let colours = racm::McRise::new([("x", vec![0.5, 1.0]), ("y", vec![0.0, 2.0])]).unwrap();
    assert_eq!(colours.colours(), [vec![0.5, 1.0], vec![0.0, 2.0]]);
    // A setter changes its own field.
    let spec = MaskSpec::new(Rise).grid(2, 5).family(groups);
    assert_eq!((spec.grid, spec.family.planes(3)), (Some([2, 5]), 2));
}

/// The defaults of the trait, over the states of another family.
#[derive(Debug)]
struct Counted(Box<dyn MaskFamily>);

impl MaskFamily for Counted {
    fn name(&self) -> String {
        "counted".to_owned()
    }
    fn states(&self, channels: usize) -> u64 {
        self.0.states(channels)
    }
    fn planes(&self, channels: usize) -> usize {
        self.0.planes(channels)
    }
    fn incidence(&self, state: u64) -> u64 {
        self.0.incidence(state)
    }
    fn shows(&self, state: u64, channel: usize) -> Shown {
        self.0.shows(state, channel)
    }
    fn plane_name(&self, plane: usize, channels: usize) -> String {
        self.0.plane_name(plane, channels)
    }
}

#[test]
fn shares_are_counts_of_states() {
    let families: [(Box<dyn MaskFamily>, usize); 7] = [
        (Box::new(Racm), 1),
        (Box::new(Racm), 2),
        (Box::new(Racm), 5),
        (Box::new(Rise), 3),
        (Box::new(racm::McRise::rgb()), 3),
        (
            Box::new(Racm::grouped([("a", vec![0, 1]), ("b", vec![2])]).unwrap()),
            3,
        ),
        (
            Box::new(Racm::grouped([("a", [0]), ("b", [2]), ("c", [1])]).unwrap()),
            3,
        ),
    ];
    for (family, channels) in families {
        let planes = family.planes(channels);
        let states = family.states(channels);
        let both = |a: usize, b: usize| {
            let feeds = |s: &u64| [a, b].iter().all(|j| family.incidence(*s) >> j & 1 == 1);
            (1..=states).filter(feeds).count() as f64 / states as f64
        };
        let expected: Vec<f64> = (0..planes * planes)
            .map(|i| both(i / planes, i % planes))
            .collect();
        let said = |family: &dyn MaskFamily| -> Vec<f64> {
            (0..planes * planes)
                .map(|i| family.joint_share(i / planes, i % planes, channels))
                .collect()
        };
        assert_eq!(said(&*family), expected, "{family:?}");
        let singles: Vec<f64> = (0..planes).map(|j| family.share(j, channels)).collect();
        assert_eq!(
            singles,
            (0..planes).map(|j| both(j, j)).collect::<Vec<_>>(),
            "{family:?}"
        );
        let counted = Counted(family);
        assert_eq!(said(&counted), expected, "{counted:?}");
    }
}

#[test]
fn channels_of_a_group_show_the_same() {
    let groups = Racm::grouped([("wind", vec![3, 1]), ("rest", vec![0, 2])]).unwrap();
    let spec = MaskSpec::new(groups).grid(3, 4).placement(Placement::Fixed);
    let plan = Plan::new([4, 9, 12], &spec).unwrap();
    // P_j of RaCM with two channels.
    assert_eq!(plan.pass_probabilities(), [0.5 * 2.0 / 3.0; 2]);
    let (ones, black) = (Array3::ones((4, 9, 12)), Baseline::default());
    for index in 0..50 {
        let mask = plan.mask(1, index);
        let shown = mask.apply(&ones, &black).unwrap();
        for (channel, plane) in [(3, 0), (1, 0), (0, 1), (2, 1)] {
            let difference = &shown.index_axis(Axis(0), channel) - &mask.plane(plane);
            assert!(difference.iter().all(|d| d.abs() < 1e-6));
        }
    }
}

/// 200 bands in 12 groups: the group that the model reads is found, and nothing outside the region is evaluated.
#[test]
fn any_number_of_channels() {
    let bands = |g: usize| (g * 200 / 12..(g + 1) * 200 / 12).collect::<Vec<_>>();
    let groups = Racm::grouped((0..12).map(|g| (format!("range {g}"), bands(g)))).unwrap();
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let read = |n| bands(7).iter().map(|&c| batch[[n, c, 4, 5]]).sum();
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| read(n))
    });
    let image = image(200) + 1.0;
    let mut pixels = Array2::from_elem((9, 12), true);
    pixels.column_mut(0).fill(false);
    let explainer = Explainer::builder()
        .estimator(Estimator::Centred)
        .family(groups)
        .grid(3, 4)
        .masks(2000)
        .baseline(Baseline::PerChannel(
            (0..200).map(|c| c as f32 / 1000.0).collect(),
        ))
        .region(Region::from_pixels(pixels).unwrap())
        .build()
        .unwrap();
    let explanation = explainer.explain(&model, &image, 0).unwrap();
    assert_eq!(explanation.maps().dim(), (1, 12, 9, 12));
    let map = explanation.map();
    let best = map
        .indexed_iter()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .unwrap();
    assert_eq!(best.0.0, 7);
    assert!(map.index_axis(Axis(2), 0).iter().all(|&v| v == 0.0));
    // By channel: every band has the map of its group.
    let channels = explanation.channel_maps().unwrap();
    assert_eq!(channels.dim(), (1, 200, 9, 12));
    for g in 0..12 {
        for band in bands(g) {
            let own = channels.index_axis(Axis(0), 0);
            assert_eq!(own.index_axis(Axis(0), band), map.index_axis(Axis(0), g));
        }
    }
    // RISE knows no channels, so it has no limit.
    let rise = Explainer::builder().family(Rise).grid(3, 4).masks(200);
    rise.build().unwrap().explain(&model, &image, 0).unwrap();
}

#[test]
fn sixty_four_groups() {
    let many = |n: usize| Racm::grouped((0..n).map(|g| (g.to_string(), [2 * g, 2 * g + 1])));
    let family = many(64).unwrap();
    assert_eq!((family.states(128), family.planes(128)), (u64::MAX, 64));
    assert_eq!(family.shows(1 << 63, 127), Shown::Image);
    assert_eq!(family.shows(1 << 63, 125), Shown::Baseline);
    assert_eq!(family.share(3, 128), 0.5);
    says(
        many(65).unwrap_err(),
        "groups is a list of 65, expected 1 to 64 groups",
    );
}

#[test]
fn bad_groups_are_refused() {
    let refused = |groups: &[(&str, &[usize])], message: &str| {
        let groups = groups
            .iter()
            .map(|(name, group)| (*name, group.iter().copied()));
        says(
            Racm::grouped(groups).unwrap_err(),
            &format!("groups is {message}"),
        );
    };
    refused(&[], "a list of 0, expected 1 to 64 groups");
    let message = "`b` without a channel, expected at least one channel a group";
    refused(&[("a", &[0]), ("b", &[])], message);
    let message = "channel 1 in `a` and in `b`, expected every channel once";
    refused(&[("a", &[0, 1]), ("b", &[2, 1])], message);
    refused(
        &[("a", &[0, 0])],
        "channel 0 in `a` and in `a`, expected every channel once",
    );
    let message =
        "channel 3 in `b`, of 3 in all, expected each of the channels 0, 1, 2, ... in one group";
    refused(&[("a", &[0, 1]), ("b", &[3])], message);
    refused(
        &[("a", &[usize::MAX])],
        &format!(
            "channel {} in `a`, of 1 in all, expected each of the channels 0, 1, 2, ... in one group",
            usize::MAX
        ),
    );
    let message = "two groups `a`, expected a name of its own for every group";
    refused(&[("a", &[0]), ("a", &[1])], message);
    let builder = Explainer::builder().family(Racm::grouped([("a", [0, 1])]).unwrap());
    let explained = builder
        .build()
        .unwrap()
        .explain(&Nonlinear { classes: 1 }, &image(3), 0);
    says(
        explained.unwrap_err(),
        "groups is a list with 2 channels, expected each of the image's 3 channels in one group",
    );
}
