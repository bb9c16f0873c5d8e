//! Numbers for people: as many digits as say something.

/// A number with so many significant digits.
pub fn short(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    match is_plain(value.abs()) {
        true => format!("{value:.*}", decimals(value, digits)),
        false => format!("{value:.*e}", digits.saturating_sub(1)),
    }
}

/// Digits of a measured number, at most: an error of rounding alone lets it be known no further.
const MOST_DIGITS: usize = 6;

/// A signed number as far as its standard error lets it be known: the error has two digits, and the number ends where it
/// does, after six digits at most. Three digits where there is no error.
pub fn measured(value: f64, error: Option<f64>) -> String {
    let Some(error) = error.filter(|e| *e > 0.0 && e.is_finite()) else {
        let sign = if value > 0.0 { "+" } else { "" };
        return format!("{sign}{}", short(value, 3));
    };
    let larger = value.abs().max(error);
    if exponent(larger) - exponent(error) + 2 > MOST_DIGITS as i32 {
        let sign = if value > 0.0 { "+" } else { "" };
        return format!("{sign}{} +- {}", short(value, MOST_DIGITS), short(error, 2));
    }
    if is_plain(larger) {
        let decimals = decimals(error, 2);
        return format!("{value:+.decimals$} +- {error:.decimals$}");
    }
    let power = exponent(larger);
    let unit = 10f64.powi(power);
    let decimals = decimals(error / unit, 2);
    let (value, error) = (value / unit, error / unit);
    format!("({value:+.decimals$} +- {error:.decimals$})e{power}")
}

/// Whether a number is written without a power of ten.
fn is_plain(size: f64) -> bool {
    (1e-4..1e6).contains(&size)
}

fn exponent(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// The digits behind the point that so many significant ones take.
fn decimals(value: f64, digits: usize) -> usize {
    usize::try_from(digits as i32 - 1 - exponent(value)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        for (value, text) in [
            (0.0, "0"),
            (0.94663, "0.9466"),
            (-12.3456, "-12.35"),
            (0.000_123_46, "0.0001235"),
            (1.234_56e-7, "1.235e-7"),
            (123_456.0, "123456"),
            (4.2e9, "4.200e9"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(value, 4), text);
        }
        for (value, error, text) in [
            (0.012_345, Some(0.001_234), "+0.0123 +- 0.0012"),
            (-0.012_345, Some(0.2), "-0.01 +- 0.20"),
            (0.0, Some(0.03), "+0.000 +- 0.030"),
            (1.234e-6, Some(2.5e-7), "(+1.23 +- 0.25)e-6"),
            (1e-9, Some(2.5e-7), "(+0.0 +- 2.5)e-7"),
            (-5.5e8, Some(12345.0), "(-5.50000 +- 0.00012)e8"),
            (-5.5e8, Some(1234.0), "-5.50000e8 +- 1234"),
            (
                0.937_499_999_999_999_9,
                Some(1.3e-16),
                "+0.937500 +- 1.3e-16",
            ),
            (12_345.678, Some(0.0123), "+12345.7 +- 0.012"),
            (4321.0, Some(120.0), "+4321 +- 120"),
            (0.012_345, None, "+0.0123"),
            (-1.234_5e-8, None, "-1.23e-8"),
            (0.5, Some(0.0), "+0.500"),
            (0.0, None, "0"),
        ] {
            assert_eq!(measured(value, error), text);
        }
    }
}
