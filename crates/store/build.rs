//! Makes a new migration a reason to build again; the compiler only knows those it has seen.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
