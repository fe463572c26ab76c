//! The page as Markdown.

use std::fmt::Write;

use super::attacks::{KINDS, WIDTHS_PX};
use super::measure::{Dropped, Findings, Outcome};

/// Writing to a string can't fail.
macro_rules! line {
    ($page:expr, $($argument:tt)*) => {
        writeln!($page, $($argument)*).expect("writing to a string can't fail")
    };
}

const HEAD: &str = "\
# Pictures of people held into the camera

Made by one command, with nothing below models/ uncommitted; ../shared/data is a collection for tests that is not part of Limen:

```
cargo run -p limen-tools -- pad --root ../shared/data
```

Words are those of ISO/IEC 30107-3: APCER is the share of attacks that were taken for living people, BPCER the share of \
living people (bona fide presentations) who were taken for attacks, APNRR and BPNRR the shares of both of which nothing \
was said. Behind each rate stand its 95 % interval (Clopper–Pearson **by person**: where fewer than ten people have an \
error, each person counts as one trial) and the counts. A visit is 16 frames at 10 a second, and is decided as a door \
does: when something can be said, not before 0.8 s, which a punch takes anyway, and after 1.6 s whatever was seen.

Constants were chosen on the *tuning half*: the clips of `asl_person_C`, and the first, third, … person of `lfw`. The \
*reported half*, on which nothing was chosen: `asl_person_D`, and the second, fourth, … person. Every attack below is \
**synthetic**, composed by code, but for those called real.

## What it looks at

First tier, of every visit, nothing is asked of anybody: between two frames the face moved. What is around a living \
face stays where it is; around a picture it moves too, or ends in straight edges that move with the face. A person is \
taken for living when the face moved alone in five pairs of frames, so that of somebody who stands as still as a post, \
or before a wall on which nothing can be seen, nothing is said.

Second tier: turn your head to one side, drawn by chance, and back. The nose must move against the eyes, and the nearer \
eye become wider: a flat picture does neither, however it is turned.

## At the door

A terminal runs the first tier on every visit, unless the site's settings or its own `terminal.toml` say `off`. What is taken for an attack \
is refused at once (`rejected: presentation`); who is taken for living is let in as soon as a punch may be, 0.7 s after \
they stood there; of whom nothing can be said is watched for 1.5 s in all and then let in, since as many of the living \
as the column BPNRR below says would be kept out otherwise. So the column *let in* below is what a door lets in: this \
tier makes a picture in the hand a gamble, and is no lock. It makes most visitors wait for some tenths of a second more.

Where they say `challenge`, a turn is asked for on the screen as well, to be made within six seconds; who turns to the \
other side or not at all, or is lost from sight for half a second meanwhile, is refused, and of whom the first tier says \
nothing is let in after it. `second_factor` does what `passive` does: no second factor is asked for after a face yet.
";

const LIMITS: &str = "\
## What each tier stops, and what not

| Attack | First tier | Second tier (turn) |
|---|---|---|
| print, telephone, tablet or monitor held by a hand | composed ones: see above | see above; a replay of somebody who turns to the right side fits every second time |
| the same on a stand, or in a hand that keeps still | says nothing: **let in** | nobody turns: refused |
| replay on a screen | only while the screen moves; on one that stands it is the replayed person who moves: see above | one in two |
| poster that fills the view | says nothing: **let in** | nobody turns: refused |
| head cut out of a print, paper mask worn on a face | **not stopped** | a flat one that a hand turns: see above. One that is bent around a head was not measured |
| mask of silicone or resin | **not stopped** | **not stopped** |
| face computed anew (deepfake) on a screen that stands | **not stopped** | **not stopped** where it follows the wearer's head |
| frames that never came from the camera | **not stopped** | **not stopped**: it is for the camera's cable and the terminal's box to prevent |

Where one of these matters, ask for a second factor (PIN, badge), or put an infrared camera there.

## What these numbers are not

- **The attacks are synthetic**: pictures laid into clips of an office by code, with a hand's sway, paper, borders, a \
pixel grid that is coarser than today's screens have, gamma and glare. They bend nowhere, throw no shadow, and no \
fingers hold them. Nothing here shows what a patient attacker \
reaches.
- **Real attacks were few, and single pictures**: the first tier says nothing of a single picture, so no rate of real \
attacks can be given.
- **The living are two people** before one wall, and the constants were chosen on one of them. So few show no rate: \
the intervals reach 97.5 %, where a door wants less than 1 or 2 % of its people refused. The heads that were cut out of \
prints move alone as the living do, and how many of them were taken for an attack is in their row above. The living use sign language and move more than many; none of them wears a hat, a helmet, a scarf or much hair. Hair and hats are \
allowed for up to 1.3 widths of the face to a side and 1.6 up, by a painted test only.
- The film above shows that a camera that moves is no place for the first tier (`pad = \"off\"` in that terminal's \
`terminal.toml`). People who walk by behind the visitor, \
and light that flickers, were not measured.
";

/// Writes it: what was found at this commit, and its date.
pub fn write(findings: &Findings, commit: &str, date: &str) -> String {
    let mut page = HEAD.to_owned();
    line!(page, "\nMeasured on commit {commit} of {date}.");
    for (half, title) in [(1, "Reported half"), (0, "Tuning half")] {
        attacks(&mut page, findings, half, title);
    }
    living(&mut page, findings);
    turns(&mut page, findings);
    dropped(&mut page, &findings.dropped, findings.real);
    let [median, most] = findings.ratio.map(|ratio| ratio * 100.0);
    line!(
        page,
        "## Cost\n\nThe first tier takes {median:.1} % of the time of one embedding (median of {} frames of 640×480, each timed with an embedding after it; 19 of 20 frames take less than {most:.1} %). It compares some thousands of squares of 8×8 and 5×5 pixels: some millions of operations on bytes, where an embedding is 543 million floating-point ones. The second tier is a few dozen operations. A visit keeps 16 frames in grey, at most 4.9 MB at 640×480.\n",
        findings.timed
    );
    page.push_str(LIMITS);
    page
}

fn attacks(page: &mut String, findings: &Findings, half: usize, title: &str) {
    let of = &findings.halves[half];
    line!(page, "\n## {title}: synthetic attacks, first tier\n");
    let widths = WIDTHS_PX.map(|px| format!("{px:.0} px"));
    line!(
        page,
        "Each cell: taken for an attack / nothing said / **taken for living**, by width of the face.\n\n| Attack (*synthetic*) | {} | APCER | APNRR | Let in | Given away by surroundings, edges |\n|---|---|---|---|---|---|---|---|",
        widths.join(" | ")
    );
    for (kind, outcomes) in KINDS.iter().zip(&of.attacks) {
        let cells: Vec<_> = outcomes.iter().map(cell).collect();
        let all = Outcome::sum(outcomes);
        let [live, _, nothing] = all.rates();
        let [surroundings, edges] = all.reasons;
        line!(
            page,
            "| {} | {} | {live} | {nothing} | {} | {surroundings}, {edges} |",
            kind.name,
            cells.join(" | "),
            all.let_in()
        );
    }
}

fn cell(outcome: &Outcome) -> String {
    let [live, attack, nothing] = outcome.rates();
    format!("{} / {} / **{}**", attack.count, nothing.count, live.count)
}

fn living(page: &mut String, findings: &Findings) {
    line!(
        page,
        "\n## Living people, first tier\n\nA visit begins at each frame, so that visits overlap; they are of one person in each half, so that there are two independent trials in all.\n\n| | Visits | BPCER | BPNRR | Decided as soon as a punch may be (0.8 s) |\n|---|---|---|---|---|"
    );
    let [tuning, reported] = &findings.halves;
    for (what, outcome) in [
        ("reported half, office webcam", &reported.living),
        (
            "the same with noise added (*synthetic*)",
            &reported.living_in_noise,
        ),
        ("tuning half, office webcam", &tuning.living),
        (
            "the same with noise added (*synthetic*)",
            &tuning.living_in_noise,
        ),
        (
            "a film with cuts and a camera that moves: no door, not tuned on",
            &findings.film,
        ),
    ] {
        let [_, attack, nothing] = outcome.rates();
        line!(
            page,
            "| {what} | {} | {attack} | {nothing} | {} |",
            attack.trials,
            outcome.at_once
        );
    }
}

fn turns(page: &mut String, findings: &Findings) {
    let turns = &findings.turns;
    let of = |[met, all]: [usize; 2]| format!("{met} of {all}");
    line!(
        page,
        "\n## Second tier: a turn of the head\n\n| Shown | Challenge met |\n|---|---|\n| heads cut out of prints, turned by 45° or 35° about one axis or two and back (*synthetic*, reported half) | {} |\n| living people of the clips, who were asked nothing | {} |\n| people of LFW: a picture straight ahead, one turned by a quarter of the distance between the eyes or more, and the first again, as frames | {} |\n| the same, the other side asked | {} |\n\nNobody was filmed who was asked to turn, so how often a willing person fails is not known. A nod is not asked for: of a head that is bowed the nose goes down by a tenth of the distance between the eyes at the most (by its geometry), three of the whole pixels that the points are given in, where a face is 60 pixels wide; and a head that is lifted looks as a print that is tilted.",
        of(turns.cut_outs),
        of(turns.unasked),
        of(turns.pictures),
        of(turns.other_side)
    );
}

fn dropped(page: &mut String, all: &[Dropped], real: [usize; 2]) {
    line!(
        page,
        "\n## Signals that were tried and are not used\n\nEach with the threshold that refuses 1 % of the tuning half's living (at most one, of a hundred or fewer). Reported half; attacks are the synthetic ones of all kinds; real are {} living and {} attack pictures in which a face was found, which were never tuned on.\n\n| Signal | Living refused | Synthetic attacks let pass | Real living refused | Real attacks let pass |\n|---|---|---|---|---|",
        real[0],
        real[1]
    );
    let of = |[count, all]: [usize; 2]| format!("{count} of {all}");
    for one in all {
        let [living, attacks] = one
            .real
            .map_or(["needs a visit".to_owned(), String::new()], |real| {
                real.map(of)
            });
        line!(
            page,
            "| {}: {} | {} | {} | {living} | {attacks} |",
            one.candidate.name,
            one.candidate.by,
            of(one.living),
            of(one.attacks)
        );
    }
    line!(
        page,
        "\nThe pixel grid that was composed has 150 pixels over a face, which a camera sees. Today's screens have five hundred and more, several for each of the camera's at a door's distance, and their grid is gone before the camera sees it. Eyelids are not among the five points, and people blink every few seconds, while a visit is shorter. That a head turns a little separates best, but composed pictures are stiffer than real hands, and whoever looks steadily at the camera would be refused: the threshold is that of one person who moves.\n"
    );
}
