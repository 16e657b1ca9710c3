//! The file of a run: `pain.001` for the bank, or CSV, both with count and control sum. The same run
//! makes the same bytes.

use std::fmt::Write;

use super::run::{Run, RunLine};
use super::store;
use super::{PayingOver, PayoverError};
use crate::people::officer::Officer;
use crate::people::role::{EVERYTHING, Role};
use crate::platform::pain001::{self, Debtor, Document, Transfer, Version};
use crate::vocabulary::ids::PayoverId;

/// Who instructs, in files for the bank.
const INITIATOR: &str = "payclear";

impl PayingOver {
    /// A run with its transfers, for who sees everybody's money.
    pub async fn read(
        &self,
        officer: &Officer,
        id: PayoverId,
    ) -> Result<(Run, Vec<RunLine>), PayoverError> {
        if !officer.sees(EVERYTHING) {
            return Err(PayoverError::NotAllowed(Role::Viewer));
        }
        let mut conn = self.pool.acquire().await?;
        let run = store::run_read(&mut conn, id).await?.ok_or(PayoverError::NotFound)?;
        let lines = store::lines_of(&mut conn, id).await?;
        Ok((run, lines))
    }

    async fn released(
        &self,
        officer: &Officer,
        id: PayoverId,
    ) -> Result<(Run, Vec<RunLine>), PayoverError> {
        let (run, lines) = self.read(officer, id).await?;
        // What nobody has released must not find its way to the bank.
        if !run.status.has_file() {
            let why = format!("the run is {}: it has no file before it is released", run.status);
            return Err(PayoverError::WrongState(why));
        }
        Ok((run, lines))
    }

    /// The file for the bank.
    pub async fn pain001(
        &self,
        officer: &Officer,
        id: PayoverId,
        version: Version,
    ) -> Result<String, PayoverError> {
        let (run, lines) = self.released(officer, id).await?;
        let directory = self.directory.current();
        let account = directory.bank_account(&run.account).ok_or_else(|| {
            let why = format!("the registers hold no bank account {}", run.account);
            PayoverError::WrongState(why)
        })?;
        let debtor = Debtor {
            number: account.number.clone(),
            name: account.holder.clone(),
            bank: account.bin.clone(),
        };
        let transfers = lines
            .iter()
            .map(|line| Transfer {
                reference: line.reference(),
                amount: line.amount,
                bank: line.treasury_bank.clone(),
                number: line.treasury_account.clone(),
                name: line.treasury_name.clone(),
                memo: format!("{} {} {}", line.budget(), line.agency, line.day),
            })
            .collect();
        let document = Document {
            version,
            id: &run.id.0.simple().to_string(),
            made_at: run.prepared_at,
            initiator: INITIATOR,
            payments: &[(debtor, transfers)],
        };
        let written = pain001::write(&document);
        written.map_err(|error| PayoverError::Store(sqlx::Error::Decode(Box::new(error))))
    }

    /// The same as CSV; the last row holds count and control sum.
    pub async fn csv(&self, officer: &Officer, id: PayoverId) -> Result<String, PayoverError> {
        let (run, lines) = self.released(officer, id).await?;
        Ok(csv(&run, &lines))
    }
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let safe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if safe.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

fn csv(run: &Run, lines: &[RunLine]) -> String {
    let mut csv = "reference,from_account,treasury_account,treasury,bank,agency,chapter,sub_item,\
                   day,amount,currency\n"
        .to_owned();
    for line in lines {
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{},{},{}",
            line.reference(),
            cell(&run.account),
            cell(&line.treasury_account),
            cell(&line.treasury_name),
            cell(&line.treasury_bank),
            cell(&line.agency),
            cell(&line.chapter),
            cell(&line.sub_item),
            line.day,
            line.amount,
            run.currency
        );
    }
    let _ = writeln!(csv, "TOTAL,,,,,,,,{},{},{}", lines.len(), run.amount, run.currency);
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_two_cells() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("Kho bạc, Mẫu"), "\"Kho bạc, Mẫu\"");
        assert_eq!(cell("7111.0.1"), "7111.0.1");
    }
}
