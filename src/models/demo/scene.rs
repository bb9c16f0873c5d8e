//! What is around a sign: background, light, weather and camera. Nothing here knows the class, so two classes drawn from
//! one seed share it to the bit.
//!
//! Only +, -, *, / and square roots, which every machine rounds alike.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(super) type Colour = [f32; 3];

/// What is random in a drawing.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In [low, high).
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        low + (high - low) * unit
    }

    fn colour(&mut self, low: f32, high: f32) -> Colour {
        [0; 3].map(|_| self.between(low, high))
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.between(0.0, from.len() as f32) as usize;
        from[at.min(from.len() - 1)]
    }

    /// Cosine and sine of an angle between plus and minus 2 atan(`most`).
    pub(super) fn direction(&mut self, most: f32) -> [f32; 2] {
        let t = self.between(-most, most);
        [(1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)]
    }

    /// Of mean 0 and variance 1, and close to normal: the sum of four bytes.
    pub(super) fn normal(&mut self) -> f32 {
        let sum: u32 = self.0.next_u32().to_le_bytes().map(u32::from).iter().sum();
        (sum as f32 - 510.0) / 147.8
    }
}

pub(super) fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share)
}

/// Smooth random numbers in [0, 1), repeated every 16 units.
struct Texture(Vec<f32>);

impl Texture {
    fn new(dice: &mut Dice) -> Self {
        Texture((0..256).map(|_| dice.between(0.0, 1.0)).collect())
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let part = |v: f32| {
            let floor = v.floor();
            let f = v - floor;
            (floor as i64 as usize, f * f * (3.0 - 2.0 * f))
        };
        let ((column, fx), (row, fy)) = (part(x), part(y));
        let corner = |dy: usize, dx: usize| {
            self.0[(row.wrapping_add(dy) & 15) * 16 + (column.wrapping_add(dx) & 15)]
        };
        let line = |dy| corner(dy, 0) + (corner(dy, 1) - corner(dy, 0)) * fx;
        line(0) + (line(1) - line(0)) * fy
    }
}

/// A box or a disc of any colour in the background.
struct Thing {
    centre: [f32; 2],
    half: [f32; 2],
    round: bool,
    colour: Colour,
}

impl Thing {
    fn new(dice: &mut Dice) -> Self {
        Thing {
            centre: [0; 2].map(|_| dice.between(0.0, 1.0)),
            half: [0; 2].map(|_| dice.between(0.03, 0.25)),
            round: dice.between(0.0, 1.0) < 0.5,
            colour: dice.colour(0.0, 0.95),
        }
    }

    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (
            (x - self.centre[0]) / self.half[0],
            (y - self.centre[1]) / self.half[1],
        );
        match self.round {
            true => dx * dx + dy * dy < 1.0,
            false => dx.abs().max(dy.abs()) < 1.0,
        }
    }
}

/// A half-plane or a strip: where `direction` . (x, y) - `offset` is small.
struct Edge {
    direction: [f32; 2],
    offset: f32,
}

impl Edge {
    fn new(dice: &mut Dice) -> Self {
        let direction = dice.direction(1.0);
        let through = [0; 2].map(|_| dice.between(0.25, 0.75));
        Edge {
            direction,
            offset: direction[0] * through[0] + direction[1] * through[1],
        }
    }

    fn distance(&self, x: f32, y: f32) -> f32 {
        self.direction[0] * x + self.direction[1] * y - self.offset
    }
}

const SKIES: [Colour; 4] = [
    [0.45, 0.66, 0.90],
    [0.75, 0.78, 0.82],
    [0.85, 0.62, 0.42],
    [0.20, 0.22, 0.30],
];
const GROUNDS: [Colour; 4] = [
    [0.22, 0.48, 0.17],
    [0.45, 0.44, 0.43],
    [0.42, 0.31, 0.20],
    [0.13, 0.20, 0.11],
];

/// Everything but the sign. Positions are in [0, 1], from the top left corner.
pub(super) struct Scene {
    sky: Colour,
    ground: Colour,
    horizon: f32,
    things: Vec<Thing>,
    texture: Texture,
    roughness: f32,
    light: Colour,
    slope: [f32; 2],
    shadow: Option<Edge>,
    branch: Option<(Edge, f32, Colour)>,
    /// Half the width of the blur, of the image's side.
    pub(super) blur: f32,
    /// The standard deviation of the noise.
    pub(super) noise: f32,
}

impl Scene {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let jitter = [0; 2].map(|_| dice.colour(-0.08, 0.08));
        let [sky, ground] = [SKIES, GROUNDS].map(|palette| dice.choose(&palette));
        let horizon = dice.between(0.25, 0.85);
        let count = dice.between(0.0, 7.0) as usize;
        let gain = dice.between(0.5, 1.1);
        let cast = dice.colour(0.87, 1.13);
        let shadow = (Edge::new(dice), dice.between(0.0, 1.0) < 0.3);
        let branch = (Edge::new(dice), dice.between(0.0, 1.0) < 0.25);
        let width = dice.between(0.008, 0.03);
        let bark = dice.choose(&[[0.20, 0.14, 0.08], [0.12, 0.25, 0.08]]);
        Scene {
            sky: mix(sky, jitter[0], 0.15),
            ground: mix(ground, jitter[1], 0.15),
            horizon,
            things: (0..count).map(|_| Thing::new(dice)).collect(),
            texture: Texture::new(dice),
            roughness: dice.between(0.05, 0.5),
            light: cast.map(|c| c * gain),
            slope: [0; 2].map(|_| dice.between(-0.3, 0.3)),
            shadow: shadow.1.then_some(shadow.0),
            branch: branch.1.then_some((branch.0, width, bark)),
            blur: dice.between(0.0, 0.03),
            noise: dice.between(0.0, 0.04),
        }
    }

    pub(super) fn background(&self, x: f32, y: f32) -> Colour {
        let base = match self.things.iter().rev().find(|thing| thing.covers(x, y)) {
            Some(thing) => thing.colour,
            None if y < self.horizon => self.sky,
            None => self.ground,
        };
        let rough = self.texture.at(5.0 * x, 5.0 * y) + self.texture.at(13.0 * x, 13.0 * y);
        base.map(|v| v * (1.0 + self.roughness * (0.5 * rough - 0.5)))
    }

    /// How much of the sign's colour is left under dirt.
    pub(super) fn wear(&self, x: f32, y: f32) -> f32 {
        1.0 - 0.25 * self.texture.at(9.0 * x, 9.0 * y)
    }

    /// The branch in front of everything, where there is one.
    pub(super) fn in_front(&self, x: f32, y: f32) -> Option<Colour> {
        let (edge, width, colour) = self.branch.as_ref()?;
        (edge.distance(x, y).abs() < *width).then_some(*colour)
    }

    pub(super) fn lit(&self, colour: Colour, x: f32, y: f32) -> Colour {
        let mut gain = 1.0 + self.slope[0] * (x - 0.5) + self.slope[1] * (y - 0.5);
        if let Some(edge) = &self.shadow {
            gain *= 1.0 - 0.45 * (30.0 * edge.distance(x, y) + 0.5).clamp(0.0, 1.0);
        }
        [0, 1, 2].map(|c| colour[c] * self.light[c] * gain)
    }
}
