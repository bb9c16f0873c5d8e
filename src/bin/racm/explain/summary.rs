//! What stands on the terminal at the end.

use racm::ndarray::{Array4, Axis};
use racm::{Effect, Explanation};

use super::bar::said;
use super::evaluated::{inside, mean_inside};
use super::origin::{Origin, carries, order};
use super::report::Written;
use super::subject::Subject;
use crate::Failure;
use crate::numbers::measured;
use crate::say::line;

/// Classes of which the planes are listed, at most.
const CLASSES: usize = 5;

/// A few lines for the terminal: the class, what each plane carries, and where it matters most; sorted, the planes that
/// carry most first.
pub fn print_summary(
    origin: &Origin<'_>,
    explanation: &Explanation,
    written: &Written,
) -> Result<(), Failure> {
    let planes = explanation.plan().plane_names();
    let longest = planes.iter().map(|name| name.chars().count()).max();
    let width = longest.unwrap_or(0);
    let subjects = Subject::all(origin.names, explanation);
    for (index, subject) in subjects.iter().enumerate().take(CLASSES) {
        let effect = match explanation.effect() {
            Effect::Own => ", own effects",
            _ => "",
        };
        line(format_args!(
            "{}{effect}",
            subject.text(origin.map.quantity.as_deref(), 4)
        ))?;
        let is_table = matches!(explanation.plan().shape(), [_, 1, 1]);
        let is_own = explanation.effect() == Effect::Own;
        let carried = &written.carried[index];
        let order = order(planes.len(), carried, origin.map.sort);
        let rows = order.iter().map(|&plane| {
            let map = explanation.maps().index_axis_move(Axis(0), index);
            let highest = highest(explanation, written.errors.as_ref(), [index, plane]);
            let first = match carried {
                Some(carried) => carries(carried[plane]),
                None if is_table => return (plane, highest, String::new()),
                None => {
                    let mean = mean_inside(explanation, &map.index_axis(Axis(0), plane));
                    format!("mean {}", measured(mean, None))
                }
            };
            // Own effects of a table are what its planes carry.
            match is_table
                && (is_own || first.strip_prefix("carries") == highest.strip_prefix("value"))
            {
                true => (plane, first, String::new()),
                false => (plane, first, highest),
            }
        });
        let rows: Vec<(usize, String, String)> = rows.collect();
        let broadest = rows.iter().map(|(_, first, _)| first.len()).max();
        let broadest = broadest.unwrap_or(0);
        for (plane, first, highest) in rows {
            let name = &planes[plane];
            let row = format!("  {name:<width$}  {first:<broadest$}  {highest}");
            line(row.trim_end())?;
        }
    }
    match subjects.len().saturating_sub(CLASSES) {
        0 => Ok(()),
        more => line(format_args!("and {more} more: report.json has them all")),
    }
}

/// The highest value of a plane, with its error and its place, or the value of its only pixel.
fn highest(
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    [target, plane]: [usize; 2],
) -> String {
    let maps = explanation.maps();
    let map = maps.index_axis(Axis(0), target);
    let map = map.index_axis(Axis(0), plane);
    let values = inside(explanation, &map);
    let highest = values.reduce(|highest, value| if value.1 > highest.1 { value } else { highest });
    let Some(((row, column), value)) = highest else {
        return "highest not known".to_owned();
    };
    let error = errors.map(|errors| f64::from(errors[[target, plane, row, column]]));
    let value = measured(value.into(), error);
    match explanation.plan().shape() {
        [_, 1, 1] => format!("value {value}"),
        [_, 1, _] => format!("highest {value} at sample {column}"),
        [_, _, 1] => format!("highest {value} at sample {row}"),
        _ => format!("highest {value} at row {row}, column {column}"),
    }
}

/// The first map in a line: its class, the plane that carries most, and how far the map is known.
pub fn brief(
    origin: &Origin<'_>,
    explanation: &Explanation,
    written: &Written,
) -> Result<String, Failure> {
    let subjects = Subject::all(origin.names, explanation);
    let mut text = subjects[0].text(origin.map.quantity.as_deref(), 4);
    if let [_, more @ ..] = &subjects[..] {
        if !more.is_empty() {
            text += &format!(" and {} more", more.len());
        }
    }
    let planes = explanation.plan().plane_names();
    if let (Some(carried), 2..) = (&written.carried[0], planes.len()) {
        let most = order(planes.len(), &written.carried[0], true)[0];
        text += &format!("; {} {}", planes[most], carries(carried[most]));
    }
    text += &format!(
        "; {} masks, {}",
        explanation.masks(),
        said(explanation.certainty()?)
    );
    Ok(text)
}

/// The last line: how many masks, and which files.
pub fn say_written(
    origin: &Origin<'_>,
    explanation: &Explanation,
    files: &[&str],
) -> Result<(), Failure> {
    line(format_args!(
        "{} masks, {}; wrote {} to {}",
        explanation.masks(),
        said(explanation.certainty()?),
        files.join(", "),
        origin.out.display()
    ))
}
