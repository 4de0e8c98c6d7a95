//! The picture of all imports: between crates, and between the floors of the core, each from the ground up.
//!
//! Every row is a box. Allowed imports run down on lines at the right: a dot marks the importing row, an arrow the
//! end of the line. Forbidden imports run along lines at the left, in red; files in a circle are red too.
//! D1 the same sources give the same bytes (`the_picture_shows_what_is_there`).
//! Units: pixels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::graph::{File, Graph};
use crate::rules::{CRATES, FLOORED, FLOORS, level, may_import};
use crate::tree::Tree;

/// Where the picture is kept.
pub const PICTURE: &str = "docs/architecture.svg";

const MARGIN: usize = 20;
const BOX_WIDTH: usize = 690;
const TEXT_AT: usize = 112;
const LINE: usize = 17;
const PADDING: usize = 10;
const GAP: usize = 12;
const LANE: usize = 20;
/// Characters in a line of prose, and in one of file names, which are monospaced.
const PROSE_LENGTH: usize = 80;
const NAMES_LENGTH: usize = 76;

const STYLE: &str = "
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}
.head{font-size:17px;font-weight:600}.name{font-size:14px;font-weight:600}.soft{fill:#59636e}
.file{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#59636e}
.page{fill:#fff}.box{fill:#f6f8fa;stroke:#d1d9e0}.line{fill:none;stroke:#0969da;stroke-width:1.5}.dot{fill:#0969da}
.bad{fill:#cf222e}.badbox{fill:#fff5f5;stroke:#cf222e;stroke-dasharray:5 3}.badline{fill:none;stroke:#cf222e;stroke-width:1.5}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.soft,.file{fill:#9198a1}.page{fill:#0d1117}
.box{fill:#151b23;stroke:#3d444d}.line{stroke:#4493f8}.dot{fill:#4493f8}.bad{fill:#ff7b72}
.badbox{fill:#25171c;stroke:#f85149}.badline{stroke:#f85149}}
";

/// A box: a crate or floor.
struct Row {
    name: String,
    about: Vec<String>,
    /// Lines of files, each with whether it is in a circle.
    files: Vec<Vec<(String, bool)>>,
    /// Whether the rules know it.
    known: bool,
}

impl Row {
    fn height(&self) -> usize {
        2 * PADDING + LINE * (self.about.len() + self.files.len()).max(2)
    }
}

/// Rows from the top, and arrows between them by index.
struct Panel {
    title: &'static str,
    rows: Vec<Row>,
    good: BTreeSet<(usize, usize)>,
    bad: BTreeSet<(usize, usize)>,
}

/// Draws the project as SVG.
#[must_use]
pub fn picture(tree: &Tree) -> String {
    let graph = Graph::new(&tree.crates, tree.sources());
    let circled: BTreeSet<usize> = graph.circles().into_iter().flatten().collect();
    let panels = [crates(tree, &graph, &circled), floors(tree, &graph, &circled)];
    let lanes = |of: fn(&Panel) -> &BTreeSet<(usize, usize)>| {
        panels.iter().map(|p| lanes(of(p)).len()).max().filter(|n| *n > 0).map_or(0, |n| (n + 1) * LANE)
    };
    let left = MARGIN + lanes(|p| &p.bad);
    let width = left + BOX_WIDTH + lanes(|p| &p.good) + MARGIN;
    let mut body = String::new();
    let mut top = MARGIN;
    for panel in &panels {
        top = draw(&mut body, panel, left, top) + 2 * GAP;
    }
    legend(&mut body, left, top);
    let height = top + LINE + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">What imports what in Headworks</title>\n\
         <style>{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n{body}</svg>\n"
    )
}

fn crates(tree: &Tree, graph: &Graph, circled: &BTreeSet<usize>) -> Panel {
    let unknown =
        tree.crates.iter().map(|c| c.folder.as_str()).filter(|f| !CRATES.iter().any(|(name, _)| name == f));
    let known =
        CRATES.iter().rev().map(|(name, _)| *name).filter(|n| tree.crates.iter().any(|c| c.folder == *n));
    let names: Vec<&str> = unknown.chain(known).collect();
    let row = |name: &&str| {
        let about = tree.crates.iter().find(|c| c.folder == *name).map_or("", |c| c.description.as_str());
        let in_circles = circled.iter().filter(|f| graph.files[**f].owner == *name).count();
        let warning = (in_circles > 0)
            .then(|| vec![(format!("{in_circles} files import each other in circles"), true)]);
        let known = CRATES.iter().any(|(n, _)| n == name);
        Row { name: (*name).to_owned(), about: wrapped(about), files: warning.into_iter().collect(), known }
    };
    let rows = names.iter().map(row).collect();
    let (good, bad) = arrows(graph, &names, |f| Some(&f.owner), may_import);
    Panel { title: "The crates", rows, good, bad }
}

fn floors(tree: &Tree, graph: &Graph, circled: &BTreeSet<usize>) -> Panel {
    let mut rooms: BTreeMap<&str, Vec<(String, bool)>> = BTreeMap::new();
    for (at, file) in graph.files.iter().enumerate().filter(|(_, f)| f.owner == FLOORED) {
        if let Some(floor) = file.floor() {
            let inside =
                file.path.split_once(&format!("/{floor}/")).map_or(file.path.as_str(), |(_, rest)| rest);
            let name = inside.rsplit_once("/src/").map_or(inside, |(_, rest)| rest);
            rooms.entry(floor).or_default().push((name.to_owned(), circled.contains(&at)));
        }
    }
    let known =
        FLOORS.iter().rev().flat_map(|row| row.iter().rev()).copied().filter(|f| rooms.contains_key(f));
    let names: Vec<&str> = rooms.keys().copied().filter(|f| level(f).is_none()).chain(known).collect();
    let row = |name: &&str| {
        let paths =
            [format!("crates/{FLOORED}/src/{name}.rs"), format!("crates/{FLOORED}/src/{name}/mod.rs")];
        let header =
            paths.iter().find_map(|p| tree.texts.get(p)).map_or(String::new(), |text| first_sentence(text));
        let files = rooms.get(name).map_or(Vec::new(), |files| in_lines(files));
        Row { name: (*name).to_owned(), about: wrapped(&header), files, known: level(name).is_some() }
    };
    let rows = names.iter().map(row).collect();
    let (good, bad) = arrows(
        graph,
        &names,
        |f| f.floor().filter(|_| f.owner == FLOORED),
        |from, to| level(from).zip(level(to)).is_some_and(|(from, to)| to < from),
    );
    Panel { title: "Inside the core: its floors", rows, good, bad }
}

type Arrows = BTreeSet<(usize, usize)>;

/// Arrows between rows: the allowed ones, and the forbidden ones.
fn arrows(
    graph: &Graph,
    names: &[&str],
    row_of: fn(&File) -> Option<&str>,
    may: fn(&str, &str) -> bool,
) -> (Arrows, Arrows) {
    let place =
        |file: usize| row_of(&graph.files[file]).and_then(|n| names.iter().position(|name| *name == n));
    let between = graph.arrows.keys().filter_map(|(from, to)| place(*from).zip(place(*to)));
    between.filter(|(from, to)| from != to).partition(|(from, to)| may(names[*from], names[*to]))
}

/// The rows that arrows lead to, from the top: each has its own line.
fn lanes(arrows: &Arrows) -> BTreeSet<usize> {
    arrows.iter().map(|(_, to)| *to).collect()
}

fn draw(out: &mut String, panel: &Panel, left: usize, top: usize) -> usize {
    let _ = writeln!(out, "<text class=\"head\" x=\"{left}\" y=\"{}\">{}</text>", top + 14, panel.title);
    let mut tops = Vec::new();
    let mut y = top + 28;
    for row in &panel.rows {
        tops.push(y);
        draw_row(out, row, left, y);
        y += row.height() + GAP;
    }
    let ends: Vec<(usize, usize)> =
        panel.rows.iter().zip(&tops).map(|(row, top)| (top + 12, top + row.height() - 12)).collect();
    draw_lanes(out, &panel.good, &ends, left + BOX_WIDTH, Side { sign: 1, line: "line", dot: "dot" });
    draw_lanes(out, &panel.bad, &ends, left, Side { sign: -1, line: "badline", dot: "bad" });
    y
}

fn draw_row(out: &mut String, row: &Row, left: usize, top: usize) {
    let class = if row.known { "box" } else { "badbox" };
    let height = row.height();
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{BOX_WIDTH}\" height=\"{height}\" rx=\"6\"/>"
    );
    let mut y = top + PADDING + 13;
    let _ = writeln!(out, "<text class=\"name\" x=\"{}\" y=\"{y}\">{}</text>", left + 14, escaped(&row.name));
    let x = left + TEXT_AT;
    for line in &row.about {
        let _ = writeln!(out, "<text class=\"soft\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(line));
        y += LINE;
    }
    for line in &row.files {
        let _ = write!(out, "<text class=\"file\" x=\"{x}\" y=\"{y}\" xml:space=\"preserve\">");
        for (at, (name, circled)) in line.iter().enumerate() {
            let gap = if at > 0 { "  " } else { "" };
            let name = escaped(name);
            let _ = if *circled {
                write!(out, "{gap}<tspan class=\"bad\">{name}</tspan>")
            } else {
                write!(out, "{gap}{name}")
            };
        }
        out.push_str("</text>\n");
        y += LINE;
    }
}

/// The side of the boxes where lines run, and their style.
#[derive(Clone, Copy)]
struct Side {
    sign: isize,
    line: &'static str,
    dot: &'static str,
}

/// Draws a line for each imported row: a dot at every importing row, and an arrow into its box.
fn draw_lanes(out: &mut String, arrows: &Arrows, ends: &[(usize, usize)], edge: usize, side: Side) {
    let beside = |distance: usize| edge.saturating_add_signed(side.sign * distance.cast_signed());
    let at: BTreeMap<usize, usize> =
        lanes(arrows).into_iter().zip(1..).map(|(to, n)| (to, beside(n * LANE))).collect();
    let mut paths = String::new();
    let mut marks = String::new();
    let mut furthest: BTreeMap<usize, usize> = BTreeMap::new();
    for (to, x) in &at {
        let (arrive, tip) = (ends[*to].0, beside(7));
        let starts = arrows.iter().filter(|(_, t)| t == to).map(|(from, _)| *from);
        let (mut first, mut last) = (arrive, arrive);
        for from in starts {
            let y = ends[from].1;
            (first, last) = (first.min(y), last.max(y));
            furthest.insert(from, *x);
            let _ = writeln!(marks, "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>", side.dot);
        }
        let _ = write!(paths, "M{x} {first}V{last}M{x} {arrive}H{tip}");
        let _ =
            writeln!(marks, "<path class=\"{}\" d=\"M{edge} {arrive}L{tip} {}v8z\"/>", side.dot, arrive - 4);
    }
    for (from, x) in furthest {
        let _ = write!(paths, "M{edge} {}H{x}", ends[from].1);
    }
    if !paths.is_empty() {
        let _ = write!(out, "<path class=\"{}\" d=\"{paths}\"/>\n{marks}", side.line);
    }
}

fn legend(out: &mut String, left: usize, top: usize) {
    let lines = [
        ("dot", "imports what the line leads down to; the ground is at the bottom"),
        ("bad", "may not be imported here, or stands in a circle"),
    ];
    for (at, (class, text)) in lines.into_iter().enumerate() {
        let y = top + at * LINE;
        let _ = writeln!(out, "<circle class=\"{class}\" cx=\"{}\" cy=\"{y}\" r=\"3.5\"/>", left + 6);
        let _ = writeln!(out, "<text class=\"soft\" x=\"{}\" y=\"{}\">{text}</text>", left + 18, y + 4);
    }
}

/// The first sentence of a module header, as plain text.
fn first_sentence(text: &str) -> String {
    let lines = text.lines().take_while(|l| l.starts_with("//!") && l.len() > 3);
    let joined = lines.map(|l| l.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ");
    let sentence = joined.split_once(". ").map_or(joined.as_str(), |(first, _)| first);
    sentence.trim_end_matches('.').chars().filter(|c| !"`[]".contains(*c)).collect()
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= PROSE_LENGTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn in_lines(files: &[(String, bool)]) -> Vec<Vec<(String, bool)>> {
    let mut lines: Vec<Vec<(String, bool)>> = Vec::new();
    let mut length = 0;
    for file in files {
        let more = file.0.chars().count() + 2;
        match lines.last_mut() {
            Some(line) if length + more <= NAMES_LENGTH => {
                line.push(file.clone());
                length += more;
            }
            _ => {
                lines.push(vec![file.clone()]);
                length = more;
            }
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Arrows, Side, draw_lanes, escaped, first_sentence, wrapped};

    #[test]
    fn captions() {
        let header = "//! Holds: amounts of [`a`] set\n//! aside. Never `b`.\n//!\n//! More.\nfn c() {}";
        assert_eq!(first_sentence(header), "Holds: amounts of a set aside");
        assert_eq!(wrapped(&"word ".repeat(17)), [["word"; 16].join(" "), "word".to_owned()]);
        assert_eq!(escaped("a<b> & c"), "a&lt;b&gt; &amp; c");
    }

    #[test]
    fn a_line_has_a_dot_for_each_import_and_one_arrow() {
        let arrows: Arrows = [(0, 2), (1, 2)].into_iter().collect();
        let mut out = String::new();
        draw_lanes(
            &mut out,
            &arrows,
            &[(10, 20), (40, 50), (70, 80)],
            100,
            Side { sign: 1, line: "l", dot: "d" },
        );
        let expected = "<path class=\"l\" d=\"M120 20V70M120 70H107M100 20H120M100 50H120\"/>\n\
                        <circle class=\"d\" cx=\"120\" cy=\"20\" r=\"3.5\"/>\n\
                        <circle class=\"d\" cx=\"120\" cy=\"50\" r=\"3.5\"/>\n\
                        <path class=\"d\" d=\"M100 70L107 66v8z\"/>\n";
        assert_eq!(out, expected);
    }
}
