//! What each stage costs, and what that comes to on a small computer.

use std::fmt::Write;

use super::super::Findings;
use super::super::stages::Stage;

/// A small computer, and what one of its cores can do at most.
struct Board {
    name: &'static str,
    /// Clock × single-precision operations a cycle.
    core_gflops: f64,
    /// What one core can read a second, a round figure.
    gigabytes: f64,
}

/// Cortex-A72 at 1.5 GHz: one 128-bit multiply-add a cycle. Cortex-A76 at 2.4 GHz: two.
const BOARDS: [Board; 2] = [
    Board {
        name: "Raspberry Pi 4",
        core_gflops: 12.0,
        gigabytes: 3.0,
    },
    Board {
        name: "Raspberry Pi 5",
        core_gflops: 38.4,
        gigabytes: 8.0,
    },
];

/// Writes that part of the page.
pub fn write(page: &mut String, findings: &Findings) {
    line!(page, "\n## What each stage costs\n");
    line!(
        page,
        "By the shapes of the models: a multiply-add is two FLOP; weights are float32; traffic is what all layers read and write when none is fused. Measured: CPU time of one thread on a 640×480 frame with one face, median, on the machine that wrote this page and did other work besides; its core reaches {} GFLOP/s.\n",
        findings.core_gflops
    );
    line!(
        page,
        "| Stage | MFLOP | in depthwise layers | Weights, MB | Traffic, MB | Measured, ms | Share of the core's peak |\n|---|---|---|---|---|---|---|"
    );
    for stage in &findings.stages {
        let (cost, ms) = (&stage.cost, stage.measured.as_secs_f64() * 1e3);
        if cost.flop > 0.0 {
            line!(
                page,
                "| {} | {:.1} | {:.1} | {:.2} | {:.1} | {ms:.1} | {:.0} % |",
                stage.name,
                cost.flop / 1e6,
                cost.depthwise_flop / 1e6,
                cost.weight_bytes / 1e6,
                cost.traffic_bytes / 1e6,
                100.0 * stage.share(findings.core_gflops)
            );
        } else {
            line!(page, "| {} | | | | | {ms:.1} | |", stage.name);
        }
    }
    line!(
        page,
        "\nAlign: 15 × 500 trees of 4 comparisons each, 5.8 MB of them stored, and 150 × 150 × 3 interpolated values: some 1 MFLOP, branches and look-ups rather than arithmetic. Search among N templates: 384·N FLOP and 512·N bytes; 1,000 templates are 0.4 MFLOP and 0.5 MB. Both don't count beside the networks.\n"
    );
    line!(page, "### On a Raspberry Pi (*derived*, not measured)\n");
    line!(
        page,
        "Assumed: each network reaches the same share of the core's peak as here, and never reads faster than the memory gives. Peaks are clock × operations a cycle, the memory's pace a round guess: Pi 4, Cortex-A72 at 1.5 GHz, 8 a cycle, 12 GFLOP/s, 3 GB/s; Pi 5, Cortex-A76 at 2.4 GHz, 16 a cycle, 38.4 GFLOP/s, 8 GB/s. A wide core is harder to keep busy than a narrow one, so the same share is a cautious guess for the arithmetic; small caches may still cost more.\n"
    );
    line!(
        page,
        "| Stage | {} | {} |\n|---|---|---|",
        BOARDS[0].name,
        BOARDS[1].name
    );
    for stage in findings.stages.iter().filter(|stage| stage.cost.flop > 0.0) {
        let [four, five] = BOARDS.map(|board| stage.derived_ms(findings.core_gflops, &board));
        line!(page, "| {} | *{four:.0} ms* | *{five:.0} ms* |", stage.name);
    }
    let near = findings
        .stages
        .iter()
        .filter(|stage| stage.cost.flop > 0.0 && stage.is_near);
    let near: Vec<&Stage> = near.collect();
    let [four, five] = BOARDS.map(|board| -> f64 {
        let times = near
            .iter()
            .map(|stage| stage.derived_ms(findings.core_gflops, &board));
        times.sum()
    });
    line!(
        page,
        "| **a frame of somebody near the door** | *{four:.0} ms* | *{five:.0} ms* |"
    );
    line!(
        page,
        "\nSomebody near the door is found by the short-range network; farther away the larger one looks, too. In an empty doorway neither does."
    );
}

impl Stage {
    fn share(&self, core_gflops: f64) -> f64 {
        self.cost.flop / 1e9 / self.measured.as_secs_f64() / core_gflops
    }

    fn derived_ms(&self, core_gflops: f64, board: &Board) -> f64 {
        let counting = self.cost.flop / 1e9 / (board.core_gflops * self.share(core_gflops));
        let reading = self.cost.traffic_bytes / 1e9 / board.gigabytes;
        counting.max(reading) * 1e3
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::recognition::cost::Cost;

    #[test]
    fn times_elsewhere_keep_the_share_and_heed_the_memory() {
        let stage = |traffic_bytes| Stage {
            name: "x",
            is_near: true,
            cost: Cost {
                flop: 1e9,
                traffic_bytes,
                ..Cost::default()
            },
            measured: Duration::from_millis(20),
        };
        // 50 GFLOP/s of 100: half. Half of 12 takes 167 ms.
        assert!((stage(0.0).share(100.0) - 0.5).abs() < 1e-9);
        assert!((stage(0.0).derived_ms(100.0, &BOARDS[0]) - 166.7).abs() < 0.1);
        assert!((stage(3e9).derived_ms(100.0, &BOARDS[0]) - 1000.0).abs() < 0.1);
    }
}
