//! The families of fonts that figures know.

use super::widths::{HELVETICA, TIMES};

/// What letters look like, and so how wide they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Face {
    Sans,
    Serif,
    Mono,
}

/// Words in the names of fonts with serifs.
const SERIF: [&str; 10] = [
    "times", "tinos", "georgia", "garamond", "palatino", "cambria", "roman", "bookman", "minion",
    "serif",
];
/// Those in the names of fonts whose letters are all of one width.
const MONO: [&str; 5] = ["mono", "courier", "consolas", "menlo", "typewriter"];

impl Face {
    /// That of a font, by its name.
    pub fn of(font: &str) -> Self {
        let font = font.to_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| font.contains(word));
        if named(&MONO) {
            return Face::Mono;
        }
        let sans = ["sans-serif", "sans serif", "sans"];
        match named(&SERIF) && !named(&sans) {
            true => Face::Serif,
            false => Face::Sans,
        }
    }

    /// Fonts of CSS with letters of these widths, for viewers that lack the one that is asked for.
    pub fn alike(self) -> &'static str {
        match self {
            Face::Sans => "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif",
            Face::Serif => "'Times New Roman', Times, 'Liberation Serif', 'Nimbus Roman', serif",
            Face::Mono => "'Courier New', Courier, 'Liberation Mono', 'Nimbus Mono PS', monospace",
        }
    }

    /// The standard font of PDF that looks so.
    pub fn standard(self) -> &'static str {
        match self {
            Face::Sans => "Helvetica",
            Face::Serif => "Times-Roman",
            Face::Mono => "Courier",
        }
    }

    /// The width of a text in the standard font, in sizes of the font. Letters that it lacks count as the widest of their
    /// kind.
    pub fn width(self, text: &str) -> f64 {
        text.chars().map(|c| self.advance(c)).sum::<f64>() / 1000.0
    }

    fn advance(self, c: char) -> f64 {
        let table = match self {
            Face::Mono => None,
            Face::Sans => Some(HELVETICA),
            Face::Serif => Some(TIMES),
        };
        let index = (c as usize).checked_sub(0x20);
        match (c, table) {
            ('\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}', _) => 0.0,
            // Those of East Asia and pictures are as wide as high.
            ('\u{1100}'.., _) if !('\u{1e00}'..'\u{2e80}').contains(&c) => 1000.0,
            (_, None) => 600.0,
            (_, Some(table)) => {
                let known = index.and_then(|index| table.get(index).copied());
                known.map_or(800.0, f64::from)
            }
        }
    }
}
