//! The sign itself: where it is, its shape, and the colours of the classes.

use super::scene::{Colour, Dice, Scene, mix};

/// Classes with a sign.
pub(super) const SIGNS: usize = 11;

#[derive(Clone, Copy, Debug)]
enum Shape {
    Octagon,
    Disc,
    Square,
    Diamond,
    Triangle,
    TriangleOnItsTip,
}

#[derive(Clone, Copy, Debug)]
enum Symbol {
    Nothing,
    Bar,
    /// 1 points to the right, -1 to the left.
    Arrow(f32),
}

/// How the signs of one class look.
#[derive(Clone, Copy, Debug)]
struct Look {
    shape: Shape,
    face: Colour,
    rim: Colour,
    rim_width: f32,
    symbol: Symbol,
}

const WHITE: Colour = [0.92, 0.92, 0.92];
const BLACK: Colour = [0.08, 0.08, 0.08];
const RED: Colour = [0.78, 0.08, 0.10];

const fn look(shape: Shape, face: Colour, rim: Colour, rim_width: f32, symbol: Symbol) -> Look {
    Look {
        shape,
        face,
        rim,
        rim_width,
        symbol,
    }
}

/// The classes in their order. The pairs 0 and 1, 2 and 3, 4 and 5 differ in one number: the red, green
/// or blue of the face.
const LOOKS: [Look; SIGNS] = [
    look(Shape::Octagon, RED, WHITE, 0.10, Symbol::Bar),
    look(Shape::Octagon, [0.08, 0.08, 0.10], WHITE, 0.10, Symbol::Bar),
    look(
        Shape::Diamond,
        [0.90, 0.72, 0.10],
        BLACK,
        0.08,
        Symbol::Nothing,
    ),
    look(
        Shape::Diamond,
        [0.90, 0.10, 0.10],
        BLACK,
        0.08,
        Symbol::Nothing,
    ),
    look(
        Shape::Square,
        [0.10, 0.42, 0.80],
        WHITE,
        0.10,
        Symbol::Nothing,
    ),
    look(
        Shape::Square,
        [0.10, 0.42, 0.12],
        WHITE,
        0.10,
        Symbol::Nothing,
    ),
    look(
        Shape::Disc,
        [0.10, 0.30, 0.75],
        WHITE,
        0.06,
        Symbol::Arrow(-1.0),
    ),
    look(
        Shape::Disc,
        [0.10, 0.30, 0.75],
        WHITE,
        0.06,
        Symbol::Arrow(1.0),
    ),
    look(Shape::Disc, WHITE, RED, 0.25, Symbol::Nothing),
    look(Shape::Triangle, WHITE, RED, 0.25, Symbol::Nothing),
    look(Shape::TriangleOnItsTip, WHITE, RED, 0.25, Symbol::Nothing),
];

/// 1 on the outline, less inside, more outside; proportional to the distance from the centre.
fn norm(shape: Shape, x: f32, y: f32) -> f32 {
    const HALF_SQRT_3: f32 = 0.866_025_4;
    let (ax, ay) = (x.abs(), y.abs());
    match shape {
        Shape::Octagon => ax.max(ay).max((ax + ay) * std::f32::consts::FRAC_1_SQRT_2) / 0.92,
        Shape::Disc => (x * x + y * y).sqrt() / 0.96,
        Shape::Square => ax.max(ay) / 0.86,
        Shape::Diamond => (ax + ay) / 1.15,
        Shape::Triangle => y.max(HALF_SQRT_3 * ax - 0.5 * y) / 0.60,
        Shape::TriangleOnItsTip => (-y).max(HALF_SQRT_3 * ax + 0.5 * y) / 0.60,
    }
}

/// How far inside the symbol a place is, negative outside; in radii of the sign.
fn in_symbol(symbol: Symbol, x: f32, y: f32) -> f32 {
    match symbol {
        Symbol::Nothing => -1.0,
        Symbol::Bar => (0.58 - x.abs()).min(0.17 - y.abs()),
        Symbol::Arrow(to) => {
            let along = to * x;
            let shaft = (along + 0.62).min(0.1 - along).min(0.14 - y.abs());
            let head = along.min(0.7 * (0.68 - along) - 0.7 * y.abs());
            shaft.max(head)
        }
    }
}

/// Where a sign is, and the shade of its paint: the same for every class of one seed.
pub(super) struct Place {
    centre: [f32; 2],
    radius: f32,
    /// Height over width of what is seen from the side.
    squeeze: f32,
    turn: [f32; 2],
    shade: Colour,
}

impl Place {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Place {
            centre: [0; 2].map(|_| dice.between(0.36, 0.64)),
            radius: dice.between(0.2, 0.36),
            squeeze: dice.between(0.85, 1.0),
            turn: dice.direction(0.07),
            shade: [0; 3].map(|_| dice.between(-0.06, 0.06)),
        }
    }

    /// A place of the image in radii from the sign's centre.
    fn in_radii(&self, x: f32, y: f32) -> [f32; 2] {
        let (dx, dy) = (
            (x - self.centre[0]) / (self.radius * self.squeeze),
            (y - self.centre[1]) / self.radius,
        );
        let [cos, sin] = self.turn;
        [cos * dx + sin * dy, cos * dy - sin * dx]
    }

    fn look(class: usize) -> Option<&'static Look> {
        LOOKS.get(class)
    }

    /// Whether the sign of a class covers a place.
    pub(super) fn covers(&self, class: usize, x: f32, y: f32) -> bool {
        let [dx, dy] = self.in_radii(x, y);
        Self::look(class).is_some_and(|look| norm(look.shape, dx, dy) <= 1.0)
    }

    /// Pole and sign over what is behind them; edges are as soft as a pixel is wide.
    pub(super) fn paint(
        &self,
        class: usize,
        behind: Colour,
        scene: &Scene,
        [x, y]: [f32; 2],
        pixel: f32,
    ) -> Colour {
        let [dx, dy] = self.in_radii(x, y);
        let soft = |inside: f32| (inside * self.radius / pixel + 0.5).clamp(0.0, 1.0);
        let pole = if dy > 0.0 { soft(0.07 - dx.abs()) } else { 0.0 };
        let behind = mix(behind, [0.45, 0.45, 0.47], pole);
        let Some(look) = Self::look(class) else {
            return behind;
        };
        let norm = norm(look.shape, dx, dy);
        let on_sign = soft(1.0 - norm);
        if on_sign == 0.0 {
            return behind;
        }
        let colour = mix(look.face, look.rim, soft(norm - (1.0 - look.rim_width)));
        let colour = mix(colour, WHITE, soft(in_symbol(look.symbol, dx, dy)));
        let wear = scene.wear(x, y);
        let worn = [0, 1, 2].map(|c| (colour[c] + self.shade[c]).max(0.0) * wear);
        mix(behind, worn, on_sign)
    }
}
