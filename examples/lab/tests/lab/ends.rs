//! Answers that never come.

use std::process::Command;
use std::time::Duration;

use sidegate_sdk::Result;

use crate::lab;

/// Long enough to see that nothing comes.
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_request_can_hang_and_others_do_not_notice() -> Result<()> {
    let lab = lab().await?;
    let hanging = tokio::time::timeout(A_WHILE, lab.get("/hang")).await;
    assert!(hanging.is_err());
    assert_eq!(lab.get("/").await.status(), 200);
    Ok(())
}

#[test]
fn a_crash_ends_the_process_at_once() -> Result<()> {
    let victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "ends::victim_of_the_crash", "--ignored"])
        .output()?;
    assert_eq!(victim.status.code(), Some(3), "{victim:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "ends the process of the test; the test above starts it"]
async fn victim_of_the_crash() -> Result<()> {
    lab().await?.get("/crash").await;
    Ok(())
}
