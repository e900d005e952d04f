//! The page is embedded from `web/dist`. The folder must exist for cargo to notice that a page was
//! built into it later; without it every build would start anew.

fn main() {
    // A read-only source tree has its page already, or goes without.
    let _ = std::fs::create_dir_all("web/dist");
    println!("cargo::rerun-if-changed=web/dist");
}
