//! Panics of the libraries that read files and run models. They are caught and become refusals, so their texts stay off
//! the terminal; the text of a panic that nothing caught is printed at the end.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// What the standard library ends a program with that panicked.
const PANICKED: u8 = 101;

/// What the last panic said, on whatever thread: a runtime's workers hand theirs on to the thread that waits for them.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Runs the program. Of a panic that nothing caught it prints what is printed otherwise, too.
pub fn shown_at_the_end(program: impl FnOnce() -> ExitCode) -> ExitCode {
    set_hook(Box::new(keep));
    catch_unwind(AssertUnwindSafe(program)).unwrap_or_else(|_| {
        let said = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        // If it cannot be written, there is no place left to say so.
        let _ = writeln!(std::io::stderr(), "\n{said}");
        ExitCode::from(PANICKED)
    })
}

fn keep(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let mut said = format!("thread '{name}' {panic}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        said += &format!("\nstack backtrace:\n{backtrace}");
    }
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = said;
}

/// Reads something with another's library, whose panic is one more reason why it cannot be read.
pub fn refused<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("without a message");
        Err(format!(
            "it is damaged, its reader gave up ({text}); expected a whole file"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test, for all panics of a process have one hook.
    #[test]
    fn a_panic_is_a_refusal_or_ends_the_program_as_ever() {
        let ended = shown_at_the_end(|| panic!("on purpose"));
        assert_eq!(format!("{ended:?}"), format!("{:?}", ExitCode::from(101)));
        let said = LAST.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(
            said.contains("panicked at") && said.contains("on purpose"),
            "{said}"
        );
        let read = || -> Result<(), String> { panic!("byte {}", 7) };
        assert_eq!(
            refused(read),
            Err("it is damaged, its reader gave up (byte 7); expected a whole file".to_owned())
        );
        assert_eq!(refused(|| Ok(1)), Ok(1));
        drop(std::panic::take_hook());
    }
}
