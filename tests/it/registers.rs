//! Registers: taken in whole or not at all, faults by file and line, versions by date.

use std::path::PathBuf;

use payclear::platform::audit::By;
use payclear::registers::import::{ImportError, Loaded, import};
use payclear::vocabulary::clock::Clock;
use serde_json::{Value, json};

use crate::support::cluster::root;
use crate::support::{Town, money};

/// A folder of register files; it goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn of(files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("registers-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path).expect("a folder");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file");
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn load(town: &Town, files: &[(&str, &str)]) -> Result<Loaded, ImportError> {
    let folder = Folder::of(files);
    let by = By { actor: "tests", at: town.clock.now() };
    let loaded = import(&town.pool, by, &folder.0).await;
    town.app.directory.refresh().await.expect("the registers");
    loaded
}

const FEES: &str = "procedure,line,valid_from,valid_until,kind,name,name_en,amount,chapter,sub_item,beneficiary,legal_basis\n";
const AGENCIES: &str = "code,valid_from,name,name_en,chapter,tax_code,closed\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_again_change_nothing() {
    let town = Town::doors().await;
    let by = By { actor: "tests", at: town.clock.now() };
    let loaded = import(&town.pool, by, &root().join("registers/sample")).await.expect("a load");
    assert_eq!(loaded.load, None);
    assert_eq!(loaded.changed, []);
    assert!(loaded.rows > 0);
    assert_eq!(town.count("register_load").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_line_keeps_the_whole_folder_out_and_each_is_told() {
    let town = Town::doors().await;
    let agencies = format!(
        "{AGENCIES}G77,2027-01-01,Cơ quan mới,New agency,505,,\n,2027-01-01,Không mã,,505,,\n"
    );
    let fees = format!(
        "{FEES}1.001193,1,2027-01-01,,phi,Phí mới,New fee,9000,805,2716,,\n\
         1.001193,2,2027-01-01,,tip,Phí mới,New fee,12.5,805,2716,,\n"
    );
    let refused = load(&town, &[("agencies.csv", &agencies), ("fee_lines.csv", &fees)]).await;
    let Err(ImportError::Mistakes(mistakes)) = refused else { panic!("{refused:?}") };
    let places: Vec<(&str, u64)> = mistakes.iter().map(|m| (m.file, m.line)).collect();
    assert!(places.contains(&("agencies.csv", 3)), "{mistakes:?}");
    assert!(places.contains(&("fee_lines.csv", 3)), "{mistakes:?}");
    assert!(!places.iter().any(|(_, line)| *line == 2), "{mistakes:?}");
    assert_eq!(town.count("agency where code = 'G77'").await, 0);
    assert_eq!(town.count("register_load").await, 1);

    let unknown = load(&town, &[("Agencies.csv", AGENCIES)]).await;
    assert!(matches!(unknown, Err(ImportError::UnknownFile { .. })), "{unknown:?}");
    let none = load(&town, &[]).await;
    assert!(matches!(none, Err(ImportError::NoFiles { .. })), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tariff_holds_from_its_day_on() {
    let town = Town::doors().await;
    let mut fee = Town::fee("HS-1", 1);
    fee.as_object_mut().expect("an object").remove("lines");
    let priced = async |dossier: &str| {
        let mut fee: Value = fee.clone();
        fee["dossier"] = json!(dossier);
        let issued = town.portal.post("/v1/invoices", &fee).await.expect(201);
        money(&issued["amount"])
    };
    let in_a_week = (town.clock.now() + chrono::Duration::days(7)).date_naive();
    let fees = format!("{FEES}1.001193,1,{in_a_week},,phi,Phí mới,New fee,9000,805,2716,,\n");
    let loaded = load(&town, &[("fee_lines.csv", &fees)]).await.expect("a load");
    assert_eq!(loaded.changed, [("fee_lines.csv", 1)]);

    assert_eq!(priced("HS-1").await, 8_000);
    town.clock.turn(chrono::Duration::days(8));
    assert_eq!(priced("HS-2").await, 9_000);

    // What has begun is history: it is not written again.
    let rewritten = format!("{FEES}1.001193,1,{in_a_week},,phi,Phí mới,New fee,9500,805,2716,,\n");
    let refused = load(&town, &[("fee_lines.csv", &rewritten)]).await;
    assert!(matches!(refused, Err(ImportError::Mistakes(_))), "{refused:?}");
    assert_eq!(priced("HS-3").await, 9_000);
    assert_eq!(town.count("audit where action = 'registers.import'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_is_closed_comes_in_no_more() {
    let town = Town::doors().await;
    let head = "code,name,name_en,return_origins,seen_as,calls_per_second,closed\n";
    let closed = format!("{head}dvc-mau,Cổng Dịch vụ công tỉnh Mẫu,Portal,,,5000,yes\n");
    load(&town, &[("portals.csv", &closed)]).await.expect("a load");
    let fee = Town::fee("HS-1", 5_000);
    town.portal.post("/v1/invoices", &fee).await.problem(403, "caller-closed");
    assert_eq!(town.count("invoice").await, 0);
}
