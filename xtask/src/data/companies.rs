//! Who is behind a domain: the entities of third-party-web, by the names that people know.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Companies that the list has by another name, by that of a product, or by that of a brand, and the
/// name that they go by here.
const NAMES: [(&str, &str); 36] = [
    ("AOL", "Yahoo"),
    ("Adobe Systems", "Adobe"),
    ("Amazon Ads", "Amazon"),
    ("Amazon Pay", "Amazon"),
    ("Amazon Web Services", "Amazon"),
    ("Baidu Ads", "Baidu"),
    ("Ericcson", "Ericsson"),
    ("Facebook", "Meta"),
    ("FundingChoices", "Google"),
    ("GitHub", "Microsoft"),
    ("Hewlett-Packard Development Company", "HP"),
    ("Instagram", "Meta"),
    ("LIkeihood", "Likelihood"),
    ("LinkedIn", "Microsoft"),
    ("LinkedIn Ads", "Microsoft"),
    ("Mail.ru Group", "VK"),
    ("Millwood Brown Digital", "Millward Brown Digital"),
    ("Nielsen NetRatings SiteCensus", "Nielsen"),
    ("Oath", "Yahoo"),
    ("Paypal", "PayPal"),
    ("Samsung Electronics", "Samsung"),
    ("Skype", "Microsoft"),
    ("Snapchat", "Snap"),
    ("Spotify", "Spotify"),
    ("TikTok", "ByteDance"),
    ("Tencent Analytics", "Tencent"),
    ("Twitter", "X"),
    ("Twitter Online Conversion Tracking", "X"),
    ("Verizon", "Yahoo"),
    ("VKontakte", "VK"),
    ("WhatsApp", "Meta"),
    ("Yahoo!", "Yahoo"),
    ("Yahoo! Ad Exchange", "Yahoo"),
    ("Yahoo! Tag Manager", "Yahoo"),
    ("YouTube", "Google"),
    ("pitney bowes", "Pitney Bowes"),
];

/// The list as it is committed: `domain TAB company`, in the order of the domains.
pub(super) fn list(entities: &str, version: &str) -> Result<String> {
    let entities: Value = serde_json::from_str(entities)?;
    let mut owners = BTreeMap::new();
    for entity in entities.as_array().context("the entities are no list")? {
        let text = |key| entity.get(key).and_then(Value::as_str);
        let name = text("company").or(text("name")).context("an entity has no name")?;
        let domains = entity.get("domains").and_then(Value::as_array);
        for domain in domains.with_context(|| format!("{name} has no domains"))? {
            let domain = domain.as_str().context("a domain is no text")?.to_ascii_lowercase();
            let domain = domain.strip_prefix("*.").unwrap_or(&domain);
            let company = known_as(name);
            match owners.insert(domain.to_owned(), company.clone()) {
                Some(other) if other != company => {
                    bail!("{domain} is of {other} and of {company}");
                }
                _ => {}
            }
        }
    }
    let mut list = format!(
        "# Domains and the companies behind them, from third-party-web {version} (MIT, see\n\
         # LICENSES/third-party-web.txt). Made by `cargo xtask data`; what differs stands in\n\
         # companies-own.tsv.\n",
    );
    for (domain, company) in owners {
        list.push_str(&format!("{domain}\t{company}\n"));
    }
    Ok(list)
}

fn known_as(name: &str) -> String {
    let name = name.replace("&amp;", "&");
    let name = name.trim();
    let known = NAMES.iter().find(|(listed, _)| *listed == name).map(|(_, known)| *known);
    known.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_and_known_names_win() -> Result<()> {
        let entities = r#"[
            {"name": "Tags", "company": "Facebook", "domains": ["*.b.example", "a.Example"]},
            {"name": "C &amp; D", "domains": ["c.example"]}
        ]"#;
        let list = list(entities, "1")?;
        let lines: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, ["a.example\tMeta", "b.example\tMeta", "c.example\tC & D"]);
        Ok(())
    }

    #[test]
    fn a_domain_has_one_owner() {
        let entities =
            r#"[{"name": "A", "domains": ["*.x.y"]}, {"name": "B", "domains": ["x.y"]}]"#;
        assert!(list(entities, "1").is_err());
    }
}
