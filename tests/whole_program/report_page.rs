//! The page of a validation report, as a real browser shows it: on a phone and on a large screen, in light and in dark.

use crate::support::{
    browser::{Browser, Window},
    checkpoint::Checkpoint,
    command::neurocudac,
    tiny::{GRAPH, Tiny},
};
use serde_json::Value;
use std::path::Path;

/// What the page says of itself: its size, its charts with the texts in them, text that leaves its box, and its figures.
const LOOK: &str = r#"(() => {
  const box = element => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const name = element => element.tagName + '.' + (element.className.baseVal ?? element.className) + ' ' + element.textContent.slice(0, 40);
  const scrolls = element => element.closest('.scroll, .unseen, svg, details:not([open])');
  const boxes = [...document.body.querySelectorAll('*')].filter(element => !scrolls(element));
  return {
    width: document.documentElement.clientWidth,
    scrolled: document.documentElement.scrollWidth,
    overflowing: boxes.filter(element => getComputedStyle(element).display != 'inline'
      && (element.scrollWidth > element.clientWidth + 1 || element.getBoundingClientRect().right > innerWidth + 1)).map(name),
    charts: [...document.querySelectorAll('svg')].map(svg => ({
      id: svg.id, box: box(svg), named: svg.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id).textContent),
      marks: svg.querySelectorAll('rect, polyline').length,
      texts: [...svg.querySelectorAll('text')].map(text => [text.textContent.trim(), box(text), parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a]),
      color: getComputedStyle(svg.querySelector('text')).fill,
    })),
    tables: document.querySelectorAll('figure details table').length,
    figures: [...document.querySelectorAll('data')].map(data => [data.dataset.field, data.value, data.textContent]),
    background: getComputedStyle(document.body).backgroundColor,
    text: document.body.innerText,
  };
})()"#;

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Whether a text is a number, rounded to as many digits as it has.
fn is_rounded(text: &str, value: f64, is_percent: bool) -> bool {
    let plain = text.replace(['\u{202f}', '%'], "").replace('−', "-");
    let Ok(shown) = plain.parse::<f64>() else { return false };
    let value = if is_percent || text.contains('%') { 100.0 * value } else { value };
    if plain.contains('e') {
        return (shown / value - 1.0).abs() < 0.05;
    }
    let digits = plain.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
    (shown - value).abs() <= 0.500_001 * 10f64.powi(-digits)
}

/// Looks at the page in a window and holds it to its report. Returns its background and the colour of text in charts.
fn look(browser: &mut Browser, page: &Path, report: &Value, window: Window) -> (String, String) {
    let complaints = browser.open(page, window);
    assert!(complaints.is_empty(), "{window:?}: {complaints:#?}");
    let seen = browser.evaluate(LOOK);
    let name = page.file_stem().unwrap().to_string_lossy().into_owned();
    browser.picture(&format!("{name}-{}-{}", window.width, if window.dark { "dark" } else { "light" }));
    let width = seen["width"].as_f64().unwrap();
    assert_eq!(width, f64::from(window.width), "{name}");
    assert!(seen["scrolled"].as_f64().unwrap() <= width, "{name} {window:?} is wider than the window");
    assert_eq!(seen["overflowing"], serde_json::json!([]), "{name} {window:?}: text leaves its place");

    let charts = seen["charts"].as_array().unwrap();
    for chart in charts {
        let id = chart["id"].as_str().unwrap();
        let numbers =
            |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        let outer = numbers(&chart["box"]);
        assert!(outer[2] - outer[0] > 150.0 && outer[3] - outer[1] > 60.0, "{name} {id}: {outer:?}");
        assert!(outer[0] >= 0.0 && outer[2] <= width, "{name} {id} {window:?}: {outer:?}");
        assert!(chart["named"] == true && chart["marks"].as_u64().unwrap() > 1, "{name} {id}");
        let texts = chart["texts"].as_array().unwrap();
        assert!(texts.len() > 3, "{name} {id}: an axis without numbers");
        let boxes = texts.iter().map(|text| (&text[0], numbers(&text[1]))).collect::<Vec<_>>();
        for (index, (text, inner)) in boxes.iter().enumerate() {
            let inside = inner[0] >= outer[0] - 1.0
                && inner[1] >= outer[1] - 1.0
                && inner[2] <= outer[2] + 1.0
                && inner[3] <= outer[3] + 1.0;
            assert!(inside, "{name} {id} {window:?}: {text} is cut off: {inner:?} in {outer:?}");
            for (other, next) in &boxes[index + 1..] {
                let apart = inner[2] <= next[0] + 1.0
                    || next[2] <= inner[0] + 1.0
                    || inner[3] <= next[1] + 3.0
                    || next[3] <= inner[1] + 3.0;
                assert!(apart, "{name} {id} {window:?}: {text} and {other} overlap: {inner:?} {next:?}");
            }
        }
        let smallest = texts.iter().map(|text| text[2].as_f64().unwrap()).fold(f64::INFINITY, f64::min);
        assert!(smallest >= 9.0, "{name} {id} {window:?}: text of {smallest} pixels");
    }
    assert!(seen["tables"].as_u64().unwrap() >= charts.len() as u64, "{name}: a chart without its numbers");

    let figures = seen["figures"].as_array().unwrap();
    assert!(figures.len() > 20, "{name}: {} figures", figures.len());
    for figure in figures {
        let [field, value, text] = [0, 1, 2].map(|index| figure[index].as_str().unwrap());
        let wanted = report.pointer(field).and_then(Value::as_f64);
        assert_eq!(value.parse::<f64>().ok(), wanted, "{name}: {field}");
        assert!(
            is_rounded(text, wanted.unwrap(), field.contains("_interval/")),
            "{name}: {field} {value} {text}"
        );
    }
    let text = seen["text"].as_str().unwrap();
    for gate in report["gates"].as_array().unwrap() {
        assert!(text.contains(gate["detail"].as_str().unwrap()), "{name}: {gate}");
    }
    let color = charts.first().map(|chart| chart["color"].as_str().unwrap().to_owned());
    (seen["background"].as_str().unwrap().to_owned(), color.unwrap_or_default())
}

/// A page in all windows.
fn look_everywhere(browser: &mut Browser, page: &Path, report: &Path) {
    let report = read(report);
    let mut colors = vec![];
    for dark in [false, true] {
        for width in [390, 1280] {
            colors.push(look(browser, page, &report, Window { width, dark }));
        }
    }
    assert_eq!((&colors[0], &colors[2]), (&colors[1], &colors[3]));
    assert!(colors[0].0 != colors[2].0 && colors[0].1 != colors[2].1, "dark is not dark: {colors:?}");
}

/// Charts of a page, by their names.
fn charts(page: &Path) -> Vec<String> {
    let page = std::fs::read_to_string(page).unwrap();
    let ids =
        page.split("<svg").skip(1).map(|svg| svg.split("id=\"").nth(1).unwrap().split('"').next().unwrap());
    ids.map(str::to_owned).collect()
}

#[test]
fn the_page_of_a_trained_network_is_readable_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let vgg = Checkpoint::vgg_fashion();
    vgg.compile(40, &path("net.ncx"), &["--validate-each", "--validate-samples", "2"]).succeeds();
    vgg.validate(
        &path("net.ncx"),
        50,
        &["--report", &text("r.json"), "--html", &text("vgg.html"), "--max-drop", "50"],
    )
    .succeeds();
    let report = read(&path("r.json"));
    let layers = report["layers"].as_array().unwrap().len();
    let mut wanted = vec!["curve".to_owned(), "settled".to_owned(), "errors".to_owned()];
    wanted.extend((0..layers).map(|layer| format!("spikes-{layer}")));
    wanted.push("raster".to_owned());
    assert_eq!(charts(&path("vgg.html")), wanted);
    // The last point of the curve is the accuracy; what each pass did was measured when it was compiled.
    let last = |curve: &Value| curve.as_array().unwrap().last().unwrap().as_f64();
    assert_eq!(last(&report["curve"]["accuracy"]), report["accuracy"]["snn"].as_f64());
    assert_eq!(last(&report["curve"]["agreement"]), report["agreement"].as_f64());
    assert!(report["passes"].as_array().unwrap().iter().skip(1).all(|pass| pass["change"].is_object()));
    // Spikes add up to the integer network's counts.
    for layer in report["layers"].as_array().unwrap() {
        assert_eq!(layer["error"], layer["spiking_error"]);
    }
    let page = std::fs::read_to_string(path("vgg.html")).unwrap();
    assert!(
        !page.contains("://") && !page.contains(&*folder.path().to_string_lossy()),
        "the page points elsewhere"
    );
    if let Some(mut browser) = Browser::start() {
        look_everywhere(&mut browser, &path("vgg.html"), &path("r.json"));
    }
}

#[test]
fn pages_of_other_networks_are_readable_too() {
    let tiny = Tiny::new();
    let text = |name: &str| tiny.path(name).display().to_string();
    let outputs = |name: &str| {
        [
            "--report".to_owned(),
            text(&format!("{name}.json")),
            "--html".to_owned(),
            text(&format!("{name}.html")),
        ]
    };
    let mut pages = vec![];
    for schedule in ["rate", "hold-and-fire"] {
        // A name that no chart has room for.
        let graph = GRAPH.replace("# relu", "# encoder.stages.0.blocks.11.intermediate_activation_function");
        std::fs::write(tiny.path("net.ncg"), graph).unwrap();
        tiny.compile(&["--schedule", schedule]).succeeds();
        let outputs = outputs(schedule);
        tiny.validate(&outputs.each_ref().map(String::as_str)).succeeds();
        pages.push(schedule);
    }
    // Of parts there is a page as well. Nothing but provenance tells it from that of one run.
    tiny.validate_on("test.safetensors", &["--tallies", &text("part.json")]).succeeds();
    let outputs = outputs("merged");
    neurocudac(
        &[&"merge", &tiny.path("net.ncx"), &tiny.path("part.json"), &"--max-drop", &"100"],
        &outputs.each_ref().map(String::as_str),
    )
    .succeeds();
    pages.push("merged");
    let body = |name: &str| {
        let page = std::fs::read_to_string(tiny.path(&format!("{name}.html"))).unwrap();
        page.split("<h2>Provenance</h2>").next().unwrap().to_owned()
    };
    assert_eq!(body("merged"), body("hold-and-fire"));
    // The same bytes for any number of threads.
    for threads in ["1", "3"] {
        tiny.validate(&["--threads", threads, "--html", &text("again.html")]).succeeds();
        assert_eq!(
            std::fs::read(tiny.path("again.html")).unwrap(),
            std::fs::read(tiny.path("hold-and-fire.html")).unwrap()
        );
    }
    assert!(!charts(&tiny.path("rate.html")).contains(&"settled".to_owned()));
    let Some(mut browser) = Browser::start() else { return };
    for name in pages {
        look_everywhere(
            &mut browser,
            &tiny.path(&format!("{name}.html")),
            &tiny.path(&format!("{name}.json")),
        );
    }
}
