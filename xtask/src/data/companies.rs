//! Who is behind a domain: the entities of third-party-web, by the names that people know.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Companies that the list has by another name, by that of a product, or by that of a brand, and the
/// name that they go by here.
const NAMES: [(&str, &str); 46] = [
    ("AMP", "Google"),
    ("AOL", "Yahoo"),
    ("AOL / Oath / Verizon Media", "Yahoo"),
    ("AddThis", "Oracle"),
    ("Adobe Business Catalyst", "Adobe"),
    ("Adobe Systems", "Adobe"),
    ("Alexa", "Amazon"),
    ("Amazon Ads", "Amazon"),
    ("Amazon Pay", "Amazon"),
    ("Amazon Web Services", "Amazon"),
    ("AppDynamics", "Cisco"),
    ("AppNexus", "Microsoft"),
    ("Atlas Solutions", "Meta"),
    ("Baidu Analytics", "Baidu"),
    ("Bing Ads", "Microsoft"),
    ("Blogger", "Google"),
    ("Branch Metrics", "Branch"),
    ("Bugsnag", "SmartBear"),
    ("ByteDance Ltd", "ByteDance"),
    ("Cloudflare CDN", "Cloudflare"),
    ("Ericcson", "Ericsson"),
    ("Facebook", "Meta"),
    ("Fastly Insights", "Fastly"),
    ("Firebase", "Google"),
    ("Google FundingChoices", "Google"),
    ("Gravatar", "Automattic"),
    ("Hewlett-Packard Development Company", "HP"),
    ("Instagram", "Meta"),
    ("JSDelivr CDN", "jsDelivr"),
    ("LIkeihood", "Likelihood"),
    ("LinkedIn", "Microsoft"),
    ("LinkedIn Ads", "Microsoft"),
    ("Marketo", "Adobe"),
    ("Millwood Brown Digital", "Millward Brown Digital"),
    ("Moat", "Oracle"),
    ("Paypal", "PayPal"),
    ("Salesforce Commerce Cloud", "Salesforce"),
    ("Samsung Electronics", "Samsung"),
    ("Snapchat", "Snap"),
    ("Tumblr", "Automattic"),
    ("Twitch", "Amazon"),
    ("Twitter", "X"),
    ("Yahoo!", "Yahoo"),
    ("YouTube", "Google"),
    ("mPulse", "Akamai"),
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
    let head = format!(
        "# Domains and the companies behind them, from third-party-web {version} (MIT, see\n\
         # LICENSES/third-party-web.txt). Made by `cargo xtask data`; what differs stands in\n\
         # companies-own.tsv.\n",
    );
    let lines =
        owners.into_iter().map(|(domain, company)| [&domain, "\t", &company, "\n"].concat());
    Ok(head + &lines.collect::<String>())
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
