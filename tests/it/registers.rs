//! Registers: taken in whole or not at all, faults by file and line, versions by date.

use std::path::PathBuf;

use payclear::approvals::propose::{Maker, ProposeError};
use payclear::platform::audit::By;
use payclear::registers::approve::{self, TakeError};
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

#[tokio::test(flavor = "multi_thread")]
async fn registers_that_change_wait_for_another_person() {
    let town = Town::doors().await;
    let approver = town.approver().await;
    let folder = Folder::of(&[(
        "treasury_accounts.csv",
        "agency,number,valid_from,treasury_code,treasury_name,bank_bin,closed\n\
         G01.A,3511.0.7777777,2027-01-01,2811,Kho bạc Nhà nước khu vực Mẫu,,\n",
    )]);
    let by = By { actor: "cli/an", at: town.clock.now() };
    let maker = Maker::pending(by);
    let (told, approval) =
        approve::take(&town.pool, maker, &folder.0, None).await.expect("it waits");
    assert_eq!((told.load, told.changed), (None, vec![("treasury_accounts.csv", 1)]));
    let approval = approval.expect("an approval").to_string();
    assert_eq!(town.count("treasury_account where number = '3511.0.7777777'").await, 0);
    let seen = approver.get(&format!("/v1/approvals/{approval}")).await.expect(200);
    assert_eq!(
        seen["content"]["lines"][0],
        "treasury account of G01.A: 3511.0.7777777 at 2811 from 2027-01-01"
    );
    let twice = approve::take(&town.pool, maker, &folder.0, None).await;
    assert!(matches!(twice, Err(TakeError::Propose(ProposeError::AlreadyPending { .. }))));

    // Rejected: nothing of it is left. Approved: it is entered by the one who approved.
    approver.decide(&approval, "reject").await.expect(200);
    assert_eq!(town.count("register_waiting").await, 0);
    let (_, approval) = approve::take(&town.pool, maker, &folder.0, None).await.expect("it waits");
    let approval = approval.expect("an approval").to_string();
    approver.decide(&approval, "approve").await.expect(200);
    assert_eq!(town.count("treasury_account where number = '3511.0.7777777'").await, 1);
    assert_eq!(town.count("register_waiting").await, 0);
    let (told, none) = approve::take(&town.pool, maker, &folder.0, None).await.expect("nothing");
    assert_eq!((told.changed, none), (vec![], None));

    // Nobody goes around it any more, not even past the code.
    let other =
        Folder::of(&[("agencies.csv", &format!("{AGENCIES}G78,2027-01-01,Mới,New,505,,\n"))]);
    let alone = approve::take(&town.pool, Maker::bootstrap(by), &other.0, None).await;
    assert!(matches!(alone, Err(TakeError::Propose(ProposeError::BootstrapOver))), "{alone:?}");
    let refused = import(&town.pool, by, &other.0).await;
    assert!(
        matches!(&refused, Err(ImportError::Store(error))
        if error.to_string().contains("approved by another")),
        "{refused:?}"
    );

    // What changes something else than what was looked at is not entered.
    let (_, first) = approve::take(&town.pool, maker, &other.0, None).await.expect("it waits");
    let both = Folder::of(&[(
        "agencies.csv",
        &format!("{AGENCIES}G78,2027-01-01,Mới,New,505,,\nG79,2027-01-01,Khác,Other,505,,\n"),
    )]);
    let (_, second) = approve::take(&town.pool, maker, &both.0, None).await.expect("it waits, too");
    approver.decide(&first.expect("one").to_string(), "approve").await.expect(200);
    let second = second.expect("one").to_string();
    approver.decide(&second, "approve").await.problem(412, "content-changed");
    assert_eq!(town.count("agency where code = 'G79'").await, 0);
    approver.decide(&second, "reject").await.expect(200);
}
