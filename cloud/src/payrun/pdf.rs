//! A statement of hours and gross pay as PDF/A-2u (ISO 19005-2): every letter has its glyph and its meaning inside the
//! file, colours depend on no device, and nothing else is referred to. So it reads the same in thirty years.
//!
//! The font is DejaVu Sans, of which the letters that are used are embedded. It has Latin, Greek, Cyrillic and some
//! others; what it doesn't have is written as `?`. Letters are not joined and lines run from left to right, so Arabic
//! and Indic names can be read, but not well.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use sha2::{Digest, Sha256};
use subsetter::GlyphRemapper;
use ttf_parser::Face;
use xmp_writer::{LangId, XmpWriter};

/// `DejaVuSans.ttf` 2.37; fonts/LICENSE allows to embed it in what is sold.
const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");

const FONT_NAME: Name<'static> = Name(b"LIMENA+DejaVuSans");
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 45.0;
/// The lowest line of a page.
const LOWEST: f32 = 60.0;

/// What a line of a statement says, from left to right: day, what, from and to, hours, rate, factor, amount.
#[derive(Clone, Debug)]
pub struct Row {
    /// The cells.
    pub cells: [String; 7],
    /// Why: a line in small letters below it.
    pub why: String,
}

/// A statement as it is to be written.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Whose, and of which dates.
    pub title: String,
    /// Lines below the title.
    pub head: Vec<String>,
    /// What stands above the columns.
    pub columns: [&'static str; 7],
    /// The lines, earliest first.
    pub rows: Vec<Row>,
    /// The sums.
    pub totals: Vec<String>,
    /// What has to be said at the end.
    pub notes: Vec<String>,
    /// The word for a page, with `{n}` and `{of}`.
    pub page: &'static str,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The font can't be read.
    #[error("the font that is built in can't be read")]
    Font(#[source] ttf_parser::FaceParsingError),
    /// A part of it can't be taken out.
    #[error("the letters that are used can't be taken out of the font: {0:?}")]
    Subset(subsetter::Error),
}

/// Letters as glyphs, and which of them were used.
struct Letters<'a> {
    face: Face<'a>,
    used: GlyphRemapper,
    meant: BTreeMap<u16, char>,
}

impl Letters<'_> {
    fn glyph(&self, letter: char) -> ttf_parser::GlyphId {
        let found = self.face.glyph_index(letter);
        let found = found.or_else(|| self.face.glyph_index('?'));
        found.unwrap_or(ttf_parser::GlyphId(0))
    }

    fn units(&self) -> f32 {
        f32::from(self.face.units_per_em())
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        let advance = |letter| self.face.glyph_hor_advance(self.glyph(letter)).unwrap_or(0);
        let units: f32 = text.chars().map(|letter| f32::from(advance(letter))).sum();
        units * size / self.units()
    }

    /// Two bytes for each letter, by the numbers that they have in the embedded part.
    fn encoded(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for letter in text.chars() {
            let has = self.face.glyph_index(letter).is_some();
            let glyph = self.glyph(letter);
            let number = self.used.remap(glyph.0);
            self.meant
                .entry(number)
                .or_insert(if has { letter } else { '?' });
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }

    /// As much of a text as fits.
    fn fitting(&self, text: &str, size: f32, room: f32) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let mut short = String::new();
        for letter in text.chars() {
            short.push(letter);
            if self.width(&short, size) + self.width("…", size) > room {
                short.pop();
                break;
            }
        }
        short + "…"
    }
}

/// The pages while they are written.
struct Pages<'a, 'f> {
    letters: &'a mut Letters<'f>,
    done: Vec<Vec<u8>>,
    content: Content,
    y: f32,
}

/// Where a column begins, or ends if it is one of numbers.
const EDGES: [(f32, bool); 7] = [
    (MARGIN, false),
    (110.0, false),
    (262.0, false),
    (390.0, true),
    (445.0, true),
    (485.0, true),
    (550.0, true),
];

impl Pages<'_, '_> {
    fn begin(&mut self) {
        self.content = Content::new();
        self.content.set_fill_color_space(Name(b"Gray"));
        self.content.set_stroke_color_space(Name(b"Gray"));
        self.y = HEIGHT - MARGIN;
    }

    fn end(&mut self) {
        let content = std::mem::replace(&mut self.content, Content::new());
        self.done.push(content.finish().into_vec());
    }

    /// Room for a line of that height, on the next page if there is none here.
    fn room(&mut self, height: f32) -> bool {
        if self.y - height >= LOWEST {
            return false;
        }
        self.end();
        self.begin();
        true
    }

    fn put(&mut self, text: &str, (x, y): (f32, f32), size: f32, gray: f32) {
        let bytes = self.letters.encoded(text);
        self.content.set_fill_color([gray]);
        self.content.begin_text();
        self.content.set_font(Name(b"F"), size);
        self.content.next_line(x, y);
        self.content.show(Str(&bytes));
        self.content.end_text();
    }

    fn line(&mut self, text: &str, size: f32, gray: f32) {
        self.room(size * 1.5);
        self.y -= size * 1.5;
        let text = self.letters.fitting(text, size, WIDTH - 2.0 * MARGIN);
        self.put(&text, (MARGIN, self.y), size, gray);
    }

    fn cells(&mut self, cells: &[String; 7], size: f32, gray: f32) {
        self.y -= size * 1.5;
        for (n, ((edge, is_number), cell)) in EDGES.into_iter().zip(cells).enumerate() {
            let room = match EDGES.get(n + 1) {
                Some((next, false)) => next - edge - 5.0,
                _ => 125.0,
            };
            let text = self.letters.fitting(cell, size, room);
            let x = match is_number {
                true => edge - self.letters.width(&text, size),
                false => edge,
            };
            self.put(&text, (x, self.y), size, gray);
        }
    }

    fn rule(&mut self) {
        self.y -= 4.0;
        self.content.set_stroke_color([0.6]);
        self.content.set_line_width(0.5);
        self.content.move_to(MARGIN, self.y);
        self.content.line_to(WIDTH - MARGIN, self.y);
        self.content.stroke();
    }
}

/// Writes a statement. The same statement is the same file, byte for byte.
///
/// # Errors
/// When the font that is built in can't be used.
pub fn written(sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
    let mut letters = Letters {
        face: Face::parse(FONT, 0).map_err(PdfError::Font)?,
        used: GlyphRemapper::new(),
        meant: BTreeMap::new(),
    };
    let pages = set(sheet, &mut letters);
    let subset = subsetter::subset(FONT, 0, &letters.used).map_err(PdfError::Subset)?;

    let mut pdf = Pdf::new();
    pdf.set_version(1, 7);
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, metadata, gray) = (id(), id(), id(), id());
    let (font, cid, descriptor, program, cmap) = (id(), id(), id(), id(), id());
    let leaves: Vec<(Ref, Ref)> = pages.iter().map(|_| (id(), id())).collect();

    let mut root = pdf.catalog(catalog);
    root.pages(tree).metadata(metadata).lang(TextStr("en"));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree)
        .kids(leaves.iter().map(|leaf| leaf.0))
        .count(count);
    pdf.color_space(gray)
        .cal_gray([0.9505, 1.0, 1.089], None, Some(2.2));
    for ((page, content), text) in leaves.iter().zip(&pages) {
        let mut leaf = pdf.page(*page);
        leaf.parent(tree)
            .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
            .contents(*content);
        let mut resources = leaf.resources();
        resources.fonts().pair(Name(b"F"), font);
        resources.color_spaces().pair(Name(b"Gray"), gray);
        resources.finish();
        leaf.finish();
        pdf.stream(*content, text);
    }
    embed(
        &mut pdf,
        &letters,
        &subset,
        [font, cid, descriptor, program, cmap],
    );

    let mut xmp = XmpWriter::new();
    xmp.pdfa_part(2).pdfa_conformance("U");
    xmp.title([(Some(LangId("x-default")), sheet.title.as_str())]);
    xmp.creator_tool("Limen");
    xmp.producer("Limen");
    let said = xmp.finish(None);
    pdf.metadata(metadata, said.as_bytes());

    let mut whole = Sha256::new();
    pages.iter().for_each(|page| whole.update(page));
    whole.update(&said);
    let name = whole.finalize()[..16].to_vec();
    pdf.set_file_id((name.clone(), name));
    Ok(pdf.finish())
}

/// Sets the text, and numbers the pages.
fn set(sheet: &Sheet, letters: &mut Letters<'_>) -> Vec<Vec<u8>> {
    let mut pages = Pages {
        letters: &mut *letters,
        done: Vec::new(),
        content: Content::new(),
        y: 0.0,
    };
    pages.begin();
    let columns = sheet.columns.map(str::to_owned);
    pages.line(&sheet.title, 15.0, 0.0);
    for line in &sheet.head {
        pages.line(line, 9.5, 0.2);
    }
    pages.y -= 8.0;
    pages.cells(&columns, 8.0, 0.35);
    pages.rule();
    for row in &sheet.rows {
        if pages.room(24.0) {
            pages.cells(&columns, 8.0, 0.35);
            pages.rule();
        }
        pages.cells(&row.cells, 8.5, 0.0);
        pages.y -= 9.0;
        let why = pages.letters.fitting(&row.why, 6.0, WIDTH - 110.0 - MARGIN);
        let y = pages.y;
        pages.put(&why, (110.0, y), 6.0, 0.4);
    }
    pages.rule();
    for total in &sheet.totals {
        pages.line(total, 11.0, 0.0);
    }
    pages.y -= 6.0;
    for note in &sheet.notes {
        pages.line(note, 8.0, 0.3);
    }
    pages.end();
    let mut done = pages.done;
    // How many there are is known only now.
    let of = done.len().to_string();
    for (n, page) in (1..).zip(&mut done) {
        let words = sheet.page.replace("{n}", &format!("{n}"));
        let words = words.replace("{of}", &of);
        let mut foot = Pages {
            letters: &mut *letters,
            done: Vec::new(),
            content: Content::new(),
            y: 0.0,
        };
        foot.begin();
        foot.put(&words, (MARGIN, 35.0), 8.0, 0.3);
        foot.end();
        page.push(b'\n');
        page.extend(foot.done.concat());
    }
    done
}

fn embed(
    pdf: &mut Pdf,
    letters: &Letters<'_>,
    subset: &[u8],
    [font, cid, descriptor, program, cmap]: [Ref; 5],
) {
    let system = SystemInfo {
        registry: Str(b"Adobe"),
        ordering: Str(b"Identity"),
        supplement: 0,
    };
    pdf.type0_font(font)
        .base_font(FONT_NAME)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(cmap);
    let face = &letters.face;
    let thousandths = |units: f32| units * 1_000.0 / letters.units();
    let mut sub = pdf.cid_font(cid);
    sub.subtype(CidFontType::Type2)
        .base_font(FONT_NAME)
        .system_info(system)
        .font_descriptor(descriptor)
        .default_width(0.0)
        .cid_to_gid_map_predefined(Name(b"Identity"));
    let widths = letters.used.remapped_gids().map(|glyph| {
        let advance = face.glyph_hor_advance(ttf_parser::GlyphId(glyph));
        thousandths(f32::from(advance.unwrap_or(0)))
    });
    sub.widths().consecutive(0, widths);
    sub.finish();
    let bounds = face.global_bounding_box();
    let edge = |units: i16| thousandths(f32::from(units));
    let box_of = Rect::new(
        edge(bounds.x_min),
        edge(bounds.y_min),
        edge(bounds.x_max),
        edge(bounds.y_max),
    );
    pdf.font_descriptor(descriptor)
        .name(FONT_NAME)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(box_of)
        .italic_angle(0.0)
        .ascent(edge(face.ascender()))
        .descent(edge(face.descender()))
        .cap_height(edge(face.capital_height().unwrap_or(0)))
        .stem_v(80.0)
        .font_file2(program);
    let length = i32::try_from(subset.len()).unwrap_or(i32::MAX);
    let mut file = pdf.stream(program, subset);
    file.pair(Name(b"Length1"), length);
    file.finish();
    let mut meanings = UnicodeCmap::new(Name(b"Limen-UCS"), system);
    for (number, letter) in &letters.meant {
        meanings.pair(*number, *letter);
    }
    let meanings = meanings.finish();
    pdf.cmap(cmap, &meanings);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(rows: usize) -> Sheet {
        let cells = [
            "2026-06-01",
            "work",
            "08:00–12:00",
            "4.0000",
            "18",
            "1",
            "72.00",
        ];
        Sheet {
            title: "Łukasz Ωμέγα 王".to_owned(),
            head: vec!["2026-06-01 to 2026-06-30".to_owned()],
            columns: [
                "Day",
                "What",
                "From–to",
                "Hours",
                "Rate",
                "Factor",
                "Amount",
            ],
            rows: vec![
                Row {
                    cells: cells.map(str::to_owned),
                    why: "14400 s × 18 × 1 ÷ 3600 = 72.00 EUR, rules 2".to_owned(),
                };
                rows
            ],
            totals: vec!["185.8500 hours, 3613.12 EUR gross".to_owned()],
            notes: vec!["Gross.".to_owned()],
            page: "Page {n} of {of}",
        }
    }

    fn count(pdf: &[u8], what: &[u8]) -> usize {
        pdf.windows(what.len()).filter(|part| *part == what).count()
    }

    #[test]
    fn a_statement_says_that_it_is_an_archive_and_names_its_pages() {
        let pdf = written(&sheet(100)).unwrap();
        assert!(pdf.starts_with(b"%PDF-1.7"));
        assert_eq!(count(&pdf, b"<pdfaid:part>2</pdfaid:part>"), 1);
        assert_eq!(
            count(&pdf, b"<pdfaid:conformance>U</pdfaid:conformance>"),
            1
        );
        assert_eq!(count(&pdf, b"/MediaBox"), 4);
        // No device's grey, and nothing that isn't in the file.
        assert_eq!(count(&pdf, b"DeviceGray") + count(&pdf, b"/URI"), 0);
        assert_eq!(
            pdf,
            written(&sheet(100)).unwrap(),
            "the same bytes each time"
        );
        assert!(pdf.len() < 400_000, "{}", pdf.len());
    }

    #[test]
    fn every_letter_has_a_meaning_and_none_is_the_missing_one() {
        let mut letters = Letters {
            face: Face::parse(FONT, 0).unwrap(),
            used: GlyphRemapper::new(),
            meant: BTreeMap::new(),
        };
        let bytes = letters.encoded("aŁΩ王a");
        let numbers: Vec<u16> = bytes
            .chunks(2)
            .map(|two| u16::from_be_bytes([two[0], two[1]]))
            .collect();
        assert_eq!(numbers[0], numbers[4]);
        assert!(numbers.iter().all(|number| *number != 0));
        let meant: Vec<char> = numbers.iter().map(|number| letters.meant[number]).collect();
        assert_eq!(meant, ['a', 'Ł', 'Ω', '?', 'a']);
    }
}
