//! What the program prints, and where: lines for people on the standard output, or a JSON document in their place.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Style;
use racm::Repeats;
use serde_json::{Value, json};

use crate::Failure;

/// What is printed, and as what.
#[derive(Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct SayArgs {
    /// Print the results as JSON, a line for each image, and all else to the standard error stream. A failure is
    /// {"error": TEXT}
    #[arg(long)]
    pub json: bool,
    /// Print nothing but warnings and errors, to the standard error stream, and no progress
    #[arg(long)]
    pub quiet: bool,
}

static JSON: AtomicBool = AtomicBool::new(false);
static QUIET: AtomicBool = AtomicBool::new(false);
/// Whether lines are left out for now.
static HUSHED: AtomicBool = AtomicBool::new(false);
/// Whether documents are left out for now.
static HELD: AtomicBool = AtomicBool::new(false);
/// Whether a document was printed.
static DOCUMENTED: AtomicBool = AtomicBool::new(false);
/// Of many images, the one that warnings are about.
static IMAGE: Mutex<String> = Mutex::new(String::new());

fn is(switch: &AtomicBool) -> bool {
    switch.load(Ordering::Relaxed)
}

impl SayArgs {
    /// From now on.
    pub fn apply(self) {
        JSON.store(self.json, Ordering::Relaxed);
        QUIET.store(self.quiet, Ordering::Relaxed);
    }
}

/// Whether nothing but what went wrong is printed.
pub fn quiet() -> bool {
    is(&QUIET)
}

/// What is done to one image of many: its lines are left out, and its warnings begin with its name.
pub fn of_image<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let set = |name: &str, hushed| {
        if let Ok(mut image) = IMAGE.lock() {
            name.clone_into(&mut image);
        }
        HUSHED.store(hushed, Ordering::Relaxed);
    };
    set(name, true);
    let done = work();
    set("", false);
    done
}

/// What is done for one document of many steps: those of the steps are left out.
pub fn one_step<T>(work: impl FnOnce() -> T) -> T {
    HELD.store(true, Ordering::Relaxed);
    let done = work();
    HELD.store(false, Ordering::Relaxed);
    done
}

/// A line for the standard output, or the standard error stream where that has JSON.
pub fn line(text: impl Display) -> Result<(), Failure> {
    if is(&QUIET) || is(&HUSHED) {
        return Ok(());
    }
    if is(&JSON) {
        error_line(text);
        return Ok(());
    }
    print(&escaped(&text.to_string()))
}

/// A line about something that is no failure, but most likely a mistake. It is printed always.
pub fn warning(text: impl Display) -> Result<(), Failure> {
    let image = IMAGE.lock().map(|image| image.clone()).unwrap_or_default();
    let text = match image.is_empty() {
        true => text.to_string(),
        false => format!("{image}: {text}"),
    };
    let style = Style::new().yellow();
    if is(&QUIET) || is(&JSON) {
        let head = style.for_stderr().apply_to("warning:");
        let _ = writeln!(stderr(), "{head} {}", plain(&text));
        return Ok(());
    }
    let head = style.for_stdout().apply_to("warning:");
    print(&format!("{head} {}", escaped(&text)))
}

/// The results, if they are wanted as JSON.
pub fn document(results: &Value) -> Result<(), Failure> {
    if !is(&JSON) || is(&HELD) {
        return Ok(());
    }
    DOCUMENTED.store(true, Ordering::Relaxed);
    print(&results.to_string())
}

/// What ended the program. As JSON, too, unless there are results.
pub fn failure(failure: &Failure) {
    let lines = with_causes(failure);
    error(&lines);
    if !is(&DOCUMENTED) {
        // What cannot be written has been said.
        let _ = document(&json!({"error": lines.join("\n")}));
    }
}

/// What kept one image of many from being explained.
pub fn failed(image: &str, failure: &Failure) -> Result<(), Failure> {
    let mut lines = with_causes(failure);
    document(&json!({"image": image, "error": lines.join("\n")}))?;
    if !lines[0].contains(image) {
        lines[0] = format!("{image}: {}", lines[0]);
    }
    error(&lines);
    Ok(())
}

fn error(lines: &[String]) {
    let head = Style::new().for_stderr().red().bold().apply_to("racm:");
    let _ = writeln!(stderr(), "{head} {}", plain(&lines[0]));
    lines[1..].iter().for_each(error_line);
}

/// A failure in words, and a line for each cause that they do not hold.
fn with_causes(failure: &Failure) -> Vec<String> {
    let (mut said, mut cause) = (failure.to_string(), failure.source());
    let mut lines = vec![said.clone()];
    while let Some(error) = cause {
        // Messages of this crate already contain their cause's.
        if !said.contains(&error.to_string()) {
            said = error.to_string();
            lines.push(format!("  because {said}"));
        }
        cause = error.source();
    }
    lines
}

/// A text for the standard output that moves the terminal's cursor and sets its colours, or is a file for another program.
pub fn raw(text: &str) -> Result<(), Failure> {
    print(text.strip_suffix('\n').unwrap_or(text))
}

/// Nobody may be there to read it (`racm .. | head`): that is no failure, and the results are in their files. A full disk
/// is one.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// What is wrong with a model that did not repeat its answers.
pub fn differing(repeats: &Repeats) -> String {
    format!(
        "asked again about the same image, the model gave scores {:.2e} apart, where rounding explains \
         {:.2e}: they change from call to call (dropout?) or depend on the rest of the batch",
        repeats.difference, repeats.tolerance
    )
}

/// The error with the option in the place of the parameter that it sets, where they have other names.
pub fn by_option(error: racm::Error) -> Failure {
    let racm::Error::Parameter {
        name,
        given,
        expected,
        ..
    } = &error
    else {
        return error.into();
    };
    let option = match *name {
        "certainty" => "--until",
        "agreement" => "--until-stable",
        "width_mm" => "--figure-width, in mm,",
        "font_size" => "--font-size",
        _ => return error.into(),
    };
    format!("{option} is {given}, expected {expected}").into()
}

/// A line about a list of class names that is not of this model's classes.
pub fn warn_of_names(names: &[String], outputs: Option<usize>) -> Result<(), Failure> {
    match outputs {
        Some(outputs) if !names.is_empty() && names.len() != outputs => warning(format_args!(
            "--labels has {}, and the model {}",
            count_of(names.len(), "name"),
            match outputs {
                1 => "1 class".to_owned(),
                _ if outputs == names.len() + 1 => format!(
                    "{outputs} classes: is the first one, often called background, not in it?"
                ),
                _ => format!("{outputs} classes"),
            }
        )),
        _ => Ok(()),
    }
}

/// A line for the standard error stream. If it cannot be written, there is no place left to say so.
pub fn error_line(text: impl Display) {
    let _ = writeln!(stderr(), "{}", plain(&text.to_string()));
}

/// What may be shown: files have a say in messages, and could fill a terminal.
fn plain(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 2000;
    match text.char_indices().nth(SHOWN) {
        None => escaped(text),
        Some((end, _)) => Cow::Owned(escaped(&text[..end]).into_owned() + ".."),
    }
}

/// The text without what moves a terminal's cursor: names of files and classes may hold that.
fn escaped(text: &str) -> Cow<'_, str> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(control) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match control(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// A number and what it counts: `1 image`, `2 images`; `one` without its s.
pub fn count_of(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
