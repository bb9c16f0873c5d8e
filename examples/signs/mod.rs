//! What the examples with a framework share: pictures of three signs to train on, and what is said of the network.

use racm::ndarray::{Array3, Array4};
use racm::{BlackBoxModel, BoxError, Cam, CamMethod, Estimator, Explainer, Target, WhiteBoxModel};

pub const SIDE: usize = 32;
pub const CLASSES: [&str; 3] = ["red disc", "green square", "blue cross"];

/// A number in [0, 1) that looks random.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// A sign of a class somewhere on a noisy grey image, `[3, 32, 32]`, and its centre.
pub fn sign(class: usize, dice: &mut Dice) -> (Array3<f32>, [usize; 2]) {
    let centre = [0, 1].map(|_| 8 + (dice.roll() * 16.0) as usize);
    let radius = 4.0 + 3.0 * dice.roll();
    let mut image = Array3::from_shape_simple_fn((3, SIDE, SIDE), || 0.35 + 0.3 * dice.roll());
    for y in 0..SIDE {
        for x in 0..SIDE {
            let [dy, dx] = [y as f32 - centre[0] as f32, x as f32 - centre[1] as f32].map(f32::abs);
            let inside = match class {
                0 => dy.hypot(dx) < radius,
                1 => dy.max(dx) < radius * 0.8,
                _ => dy.min(dx) < 1.5 && dy.max(dx) < radius,
            };
            if inside {
                for c in 0..3 {
                    image[[c, y, x]] = if c == class { 0.9 } else { 0.15 };
                }
            }
        }
    }
    (image, centre)
}

/// 32 signs of all classes, `[32, 3, 32, 32]`, and their classes.
pub fn batch(dice: &mut Dice) -> (Array4<f32>, Vec<usize>) {
    let mut images = Array4::zeros((32, 3, SIDE, SIDE));
    let mut classes = Vec::new();
    for mut image in images.outer_iter_mut() {
        let class = (dice.roll() * 3.0) as usize;
        image.assign(&sign(class, dice).0);
        classes.push(class);
    }
    (images, classes)
}

/// Explains a sign of each class: Grad-CAM by both ways, and RaCM where it looks.
pub fn report<M: BlackBoxModel + WhiteBoxModel>(
    network: &M,
    without_gradient: &impl WhiteBoxModel,
    dice: &mut Dice,
) -> Result<(), BoxError> {
    let grad_cam = Cam::new(CamMethod::GradCam);
    let explainer = Explainer::builder()
        .masks(400)
        .grid(8, 8)
        .estimator(Estimator::Surrogate)
        .build()?;
    for (class, name) in CLASSES.iter().enumerate() {
        let (image, [y, x]) = sign(class, dice);
        let exact = grad_cam.explain(network, &image, class)?;
        let differences = grad_cam.explain(without_gradient, &image, class)?;
        let largest = |values: &[f32]| values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = largest(
            (&exact.weights - &differences.weights)
                .as_slice()
                .unwrap_or_default(),
        );
        let unit = largest(exact.weights.as_slice().unwrap_or_default());
        println!("{name} at row {y}, column {x}");
        println!(
            "  Grad-CAM: {} head call by gradient, {} without; the weights differ by {:.1e} of the largest",
            exact.head_calls,
            differences.head_calls,
            off / unit
        );
        assert!(off < 1e-3 * unit, "finite differences are off");

        let refined = explainer.refine(
            network,
            &image,
            Target::from(class),
            &grad_cam.of(network),
            0.5,
        )?;
        let map = refined.map();
        let means: Vec<f32> = map
            .outer_iter()
            .map(|plane| plane.sum() / plane.len() as f32)
            .collect();
        println!(
            "  RaCM in the upper half of its map: red {:+.4}, green {:+.4}, blue {:+.4}",
            means[0], means[1], means[2]
        );
    }
    Ok(())
}
