//! Colours, once for light and once for dark surroundings. Charts are drawn in the light ones; the style sheet turns them.

use plotters::style::RGBColor;
use std::fmt::Write;

/// A colour with its name in the style sheet.
pub struct Color {
    name: &'static str,
    /// In light surroundings.
    pub light: RGBColor,
    dark: RGBColor,
}

impl Color {
    const fn new(name: &'static str, light: [u8; 3], dark: [u8; 3]) -> Self {
        Self {
            name,
            light: RGBColor(light[0], light[1], light[2]),
            dark: RGBColor(dark[0], dark[1], dark[2]),
        }
    }
}

/// Page, cards, text, faint text, lines.
const PAGE: Color = Color::new("page", [246, 247, 248], [17, 20, 24]);
const CARD: Color = Color::new("card", [255, 255, 255], [25, 30, 36]);
/// Text, and what is as dark.
pub const INK: Color = Color::new("ink", [31, 41, 51], [228, 232, 236]);
/// Text that is looked up and not read.
pub const FAINT: Color = Color::new("faint", [91, 103, 115], [157, 168, 179]);
/// Lines of charts and tables.
pub const GRID: Color = Color::new("grid", [221, 226, 231], [52, 60, 69]);
/// The spiking network, and a positive spike.
pub const SPIKING: Color = Color::new("spiking", [38, 104, 157], [110, 176, 226]);
/// The integer network, and a negative spike.
pub const INTEGER: Color = Color::new("integer", [196, 110, 38], [233, 162, 96]);
/// The float network.
pub const FLOAT: Color = Color::new("float", [110, 120, 131], [140, 150, 161]);
const PASS: Color = Color::new("pass", [33, 110, 66], [112, 196, 145]);
const FAIL: Color = Color::new("fail", [173, 43, 36], [244, 138, 128]);

const ALL: [Color; 10] = [PAGE, CARD, INK, FAINT, GRID, SPIKING, INTEGER, FLOAT, PASS, FAIL];

/// The colour as the SVG back end of the charts writes it.
fn hex(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// The variables, and the rules that make charts follow them.
pub fn style_sheet() -> String {
    let variables = |choose: fn(&Color) -> RGBColor| {
        ALL.iter().fold(String::new(), |mut text, color| {
            let _ = write!(text, "--{}:{};", color.name, hex(choose(color)));
            text
        })
    };
    let mut text = format!(
        ":root{{color-scheme:light dark;{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        variables(|color| color.light),
        variables(|color| color.dark)
    );
    for color in &ALL {
        for property in ["fill", "stroke"] {
            let _ = writeln!(
                text,
                "svg [{property}=\"{}\"]{{{property}:var(--{})}}",
                hex(color.light),
                color.name
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours, as WCAG 2 defines it.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |RGBColor(red, green, blue)| {
            let linear = |channel: u8| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_in_both_surroundings() {
        for (color, least) in
            [(INK, 7.0), (FAINT, 4.5), (PASS, 4.5), (FAIL, 4.5), (SPIKING, 3.0), (INTEGER, 3.0), (FLOAT, 3.0)]
        {
            for ground in [PAGE, CARD] {
                let found = [contrast(color.light, ground.light), contrast(color.dark, ground.dark)];
                assert!(
                    found.iter().all(|&found| found >= least),
                    "{} on {}: {found:?}",
                    color.name,
                    ground.name
                );
            }
        }
    }

    #[test]
    fn no_two_names_share_a_colour_that_charts_are_drawn_in() {
        let mut colors = ALL.iter().map(|color| hex(color.light)).collect::<Vec<_>>();
        colors.sort();
        colors.dedup();
        assert_eq!(colors.len(), ALL.len());
    }
}
