//! Links oneDNN, which `cmake/toolchain.cmake` made CTranslate2 use. It comes from the system
//! (Debian and Ubuntu: libdnnl-dev), because building it takes longer than all else together.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-lib=dnnl");
}
