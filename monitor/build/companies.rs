//! The lists of companies as a table of domains and the names beside it.

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the longest name: what fits into a column and a label.
const NAME_BYTES_MAX: usize = 48;

/// What the agent includes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Companies {
    /// Domains, with the index of their company.
    pub(crate) domains: BTreeMap<String, u16>,
    /// The names, in order.
    pub(crate) names: Vec<String>,
}

/// Reads lists of `domain TAB company`, each with the name of its file. Later lists win over earlier
/// ones; a domain whose company is that of what it stands under is left out.
///
/// # Errors
///
/// Every line that is none, with its file and number.
pub(crate) fn read(lists: &[(&str, &str)]) -> Result<Companies, Vec<String>> {
    let mut objections = Vec::new();
    let mut owners = BTreeMap::new();
    for (file, text) in lists {
        let mut seen = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match entry(line) {
                Ok((domain, _)) if !seen.insert(domain) => {
                    objections.push(format!("{file}:{}: `{domain}` is there twice", number + 1));
                }
                Ok((domain, company)) => {
                    owners.insert(domain, company);
                }
                Err(what) => objections.push(format!("{file}:{}: {what}", number + 1)),
            }
        }
    }
    let names: BTreeSet<&str> = owners.values().copied().collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if names.len() > usize::from(u16::MAX) {
        objections.push(format!("{} companies", names.len()));
    }
    let index = |company: &str| {
        let index = names.binary_search_by(|name| name.as_str().cmp(company));
        index.ok().and_then(|index| u16::try_from(index).ok())
    };
    let domains =
        owners.iter().filter(|(domain, company)| parent(&owners, domain) != Some(company));
    let domains =
        domains.filter_map(|(domain, company)| Some(((*domain).to_owned(), index(company)?)));
    let domains = domains.collect();
    if objections.is_empty() { Ok(Companies { domains, names }) } else { Err(objections) }
}

fn entry(line: &str) -> Result<(&str, &str), String> {
    let (domain, company) = line.split_once('\t').ok_or("no tab between domain and company")?;
    let is_label = |label: &str| {
        let is_byte =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        !label.is_empty() && label.bytes().all(is_byte)
    };
    if !domain.contains('.') || !domain.split('.').all(is_label) {
        return Err(format!("`{domain}` is no domain in lower case"));
    }
    let is_name = company.trim() == company && !company.chars().any(char::is_control);
    if company.is_empty() || company.len() > NAME_BYTES_MAX || !is_name {
        return Err(format!("`{company}` is no name of at most {NAME_BYTES_MAX} bytes"));
    }
    Ok((domain, company))
}

/// The company of the nearest domain that this one stands under.
fn parent<'a>(owners: &BTreeMap<&str, &'a str>, domain: &str) -> Option<&'a str> {
    let above = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1)).skip(1);
    let mut owners = above.filter_map(|name| owners.get(name).copied());
    owners.next()
}

impl Companies {
    /// The names as Rust.
    ///
    /// # Errors
    ///
    /// More than 65 535 bytes of names.
    pub(crate) fn source(&self) -> Result<String, String> {
        let ends = self.names.iter().scan(0, |end, name| {
            *end += name.len();
            Some(u16::try_from(*end).map_err(|_| "more than 65 535 bytes of names".to_owned()))
        });
        let ends: Vec<u16> = ends.collect::<Result<_, _>>()?;
        Ok(format!(
            "/// Bytes of the longest name.\npub const NAME_BYTES_MAX: usize = {NAME_BYTES_MAX};\n\
             /// The names of the companies, one after the other.\nstatic NAMES: &str = {:?};\n\
             /// Where each ends.\nstatic NAME_ENDS: [u16; {}] = {ends:?};\n",
            self.names.concat(),
            ends.len(),
        ))
    }
}
