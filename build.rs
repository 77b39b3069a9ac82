//! Notes the revision of the source, which `INFO` and monitoring tell. Built outside a checkout,
//! there is none.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let revision = Command::new("git").args(["rev-parse", "--short=7", "HEAD"]).output();
    if let Ok(output) = revision
        && output.status.success()
    {
        let revision = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=VAGUS_REVISION={}", revision.trim());
    }
}
