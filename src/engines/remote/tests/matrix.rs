//! Site × assistant × stage × fault of the local engine: what each cell gives, and that no cell but
//! those that all three allow opens a connection.

use std::fmt::Write as _;

use expect_test::expect;
use futures::future::join_all;

use super::peer::{Peer, healthy};
use super::{Local, ask, engines, site};
use crate::engines::Engines;
use crate::policy::residency::{Data, Grant, Stage, Stages};

const RULES: [(&str, bool, bool); 4] =
    [("sealed", false, false), ("text", true, false), ("audio", false, true), ("both", true, true)];

struct Cell {
    site: (&'static str, bool, bool),
    assistant: (&'static str, bool, bool),
    stage: Stage,
    local: Local,
    engines: Engines,
    peer: Peer,
}

async fn cell(
    site_rule: (&'static str, bool, bool),
    assistant: (&'static str, bool, bool),
    stage: Stage,
    local: Local,
) -> Cell {
    let peer = Peer::start(|_, request| healthy(request)).await;
    let mut site = site(&peer.base_url());
    (site.text_may_leave, site.audio_may_leave) = (site_rule.1, site_rule.2);
    let grant = Grant { text: assistant.1, audio: assistant.2, stages: Stages::ALL };
    let engines = engines(local, &site, grant);
    Cell { site: site_rule, assistant, stage, local, engines, peer }
}

#[tokio::test]
async fn every_cell_of_site_assistant_stage_and_fault() {
    let mut cells = Vec::new();
    for site in RULES {
        for assistant in RULES {
            for stage in Stage::ALL {
                for local in Local::ALL {
                    // All are made before the first is asked: that takes time, and patience is short.
                    cells.push(cell(site, assistant, stage, local).await);
                }
            }
        }
    }
    let count = cells.len();
    assert_eq!(count, 4 * 4 * 3 * 8);
    let mut gave = Vec::new();
    for some in cells.chunks(192) {
        gave.extend(join_all(some.iter().map(|cell| ask(&cell.engines, cell.stage))).await);
    }
    let mut lines = std::collections::BTreeMap::<String, usize>::new();
    for (cell, gave) in cells.iter().zip(&gave) {
        let allows = |rule: (&str, bool, bool)| match cell.stage.sends() {
            Data::Text => rule.1,
            Data::Audio => rule.2,
        };
        let open = allows(cell.site) && allows(cell.assistant);
        let Cell { site, assistant, stage, local, peer, .. } = cell;
        let connections = peer.connections();
        if !open {
            let place = format!("{} × {} × {stage} × {local:?}", site.0, assistant.0);
            assert_eq!(connections, 0, "{place} opened a connection");
        }
        let door = if open { "open" } else { "shut" };
        let line = format!("{stage} {door} {local:<12} {gave:<32} connections {connections}");
        *lines.entry(line).or_default() += 1;
    }
    let mut table = String::new();
    for (line, cells) in &lines {
        let _ = writeln!(table, "{line}, in {cells} cells");
    }
    assert_eq!(lines.values().sum::<usize>(), count);
    expect![[r#"
        llm open Dies         From afar.                       connections 1, in 4 cells
        llm open Fails        ! failed                         connections 0, in 4 cells
        llm open Hangs        From afar.                       connections 1, in 4 cells
        llm open Overloaded   From afar.                       connections 1, in 4 cells
        llm open Refuses      ! refused                        connections 0, in 4 cells
        llm open Serves       From here.                       connections 0, in 4 cells
        llm open Stalls       From afar.                       connections 1, in 4 cells
        llm open Unavailable  From afar.                       connections 1, in 4 cells
        llm shut Dies         From ! unavailable               connections 0, in 12 cells
        llm shut Fails        ! failed                         connections 0, in 12 cells
        llm shut Hangs        ! the call waits in vain         connections 0, in 12 cells
        llm shut Overloaded   ! overloaded                     connections 0, in 12 cells
        llm shut Refuses      ! refused                        connections 0, in 12 cells
        llm shut Serves       From here.                       connections 0, in 12 cells
        llm shut Stalls       ! the call waits in vain         connections 0, in 12 cells
        llm shut Unavailable  ! unavailable                    connections 0, in 12 cells
        stt open Dies         from afar                        connections 1, in 4 cells
        stt open Fails        ! failed                         connections 0, in 4 cells
        stt open Hangs        from afar                        connections 1, in 4 cells
        stt open Overloaded   from afar                        connections 1, in 4 cells
        stt open Refuses      ! refused                        connections 0, in 4 cells
        stt open Serves       from here                        connections 0, in 4 cells
        stt open Stalls       from afar                        connections 1, in 4 cells
        stt open Unavailable  from afar                        connections 1, in 4 cells
        stt shut Dies         ! unavailable                    connections 0, in 12 cells
        stt shut Fails        ! failed                         connections 0, in 12 cells
        stt shut Hangs        ! the call waits in vain         connections 0, in 12 cells
        stt shut Overloaded   ! overloaded                     connections 0, in 12 cells
        stt shut Refuses      ! refused                        connections 0, in 12 cells
        stt shut Serves       from here                        connections 0, in 12 cells
        stt shut Stalls       ! the call waits in vain         connections 0, in 12 cells
        stt shut Unavailable  ! unavailable                    connections 0, in 12 cells
        tts open Dies         100 ms here 500 ms afar          connections 1, in 4 cells
        tts open Fails        ! failed                         connections 0, in 4 cells
        tts open Hangs        500 ms afar                      connections 1, in 4 cells
        tts open Overloaded   500 ms afar                      connections 1, in 4 cells
        tts open Refuses      ! refused                        connections 0, in 4 cells
        tts open Serves       300 ms here                      connections 0, in 4 cells
        tts open Stalls       100 ms here 500 ms afar          connections 1, in 4 cells
        tts open Unavailable  500 ms afar                      connections 1, in 4 cells
        tts shut Dies         100 ms here ! unavailable        connections 0, in 12 cells
        tts shut Fails        ! failed                         connections 0, in 12 cells
        tts shut Hangs        ! the call waits in vain         connections 0, in 12 cells
        tts shut Overloaded   ! overloaded                     connections 0, in 12 cells
        tts shut Refuses      ! refused                        connections 0, in 12 cells
        tts shut Serves       300 ms here                      connections 0, in 12 cells
        tts shut Stalls       ! the call waits in vain         connections 0, in 12 cells
        tts shut Unavailable  ! unavailable                    connections 0, in 12 cells
    "#]]
    .assert_eq(&table);
}

impl std::fmt::Display for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}
