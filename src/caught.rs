//! Panics of other people's code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does it, or gives the message of its panic. Only for what others hold: nothing of ours may be left half-changed.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("without a message").to_owned()
    })
}
