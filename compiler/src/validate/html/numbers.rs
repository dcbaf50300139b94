//! Numbers as people read them.

use maud::{Markup, html};

/// Between groups of three digits: narrow, and no place to break a line.
const SPACE: char = '\u{202f}';

/// A number with the field of the report that it stands in, as the page's tests and other programs find it.
pub fn datum(field: &str, value: f64, text: &str) -> Markup {
    html! { data value=(value) data-field=(field) { (text) } }
}

/// `12 345 678`
pub fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value <= -0.5 { "−".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(SPACE);
        }
        text.push(digit);
    }
    text
}

/// `92.67 %`
pub fn percent(fraction: f64, digits: usize) -> String {
    format!("{:.digits$}{SPACE}%", 100.0 * fraction)
}

/// A number with three digits that say something: `1.46`, `37.3`, `281`, `4.1e-5`.
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.001 => {
            let text = format!("{value:.1e}");
            text.replace('-', "−")
        }
        x if x < 1.0 => format!("{value:.3}"),
        x if x < 9.995 => format!("{value:.2}"),
        x if x < 99.95 => format!("{value:.1}"),
        _ => count(value),
    }
}

/// A tick of an axis that is so long: with as many digits as tell its ticks apart.
pub fn tick(value: f64, span: f64) -> String {
    let digits = (-(span / 5.0).log10()).ceil().clamp(0.0, 6.0) as usize;
    let value = if value.abs() < span * 1e-9 { 0.0 } else { value };
    format!("{value:.digits$}")
}

/// The end of a name that is too long for its place: ends tell layers apart.
pub fn ending(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let kept = name.chars().skip(length + 1 - room);
    std::iter::once('…').chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        let plain = |text: String| text.replace(SPACE, " ");
        for (value, wanted) in
            [(0.0, "0"), (999.6, "1 000"), (48_900_323.0, "48 900 323"), (-1234.0, "−1 234"), (-0.2, "0")]
        {
            assert_eq!(plain(count(value)), wanted);
        }
        assert_eq!((plain(percent(0.92666, 2)), plain(percent(1.0, 0))), ("92.67 %".into(), "100 %".into()));
        for (value, wanted) in [
            (0.0, "0"),
            (4.11e-5, "4.1e−5"),
            (0.0703, "0.070"),
            (1.459, "1.46"),
            (9.996, "10.0"),
            (37.31, "37.3"),
            (99.96, "100"),
            (280_728.2, "280 728"),
        ] {
            assert_eq!(plain(short(value)), wanted);
        }
        assert_eq!(
            (tick(0.3, 1.0), tick(20.0, 100.0), tick(-1e-18, 1.0)),
            ("0.3".into(), "20".into(), "0.0".into())
        );
        assert_eq!((ending("layer1.0.relu", 8), ending("relu", 8)), ("….0.relu".into(), "relu".into()));
    }
}
