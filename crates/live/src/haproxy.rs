//! HAProxy's statistics (CSV) as services and servers.

use paddock_events::{HaproxyServer, ServiceTopology};

/// Services of one cluster in the statistics of one HAProxy. Ports come from the inventory's names, not from the CSV.
pub(crate) fn services(
    csv: &str,
    cluster: &str,
    ports: &[(String, u16)],
    seen_from: &str,
) -> Vec<ServiceTopology> {
    let mut lines = csv.lines().filter(|line| !line.trim().is_empty());
    let Some(head) = lines.next() else { return Vec::new() };
    let head: Vec<&str> = head.trim_start_matches("# ").split(',').collect();
    let column = |name: &str| head.iter().position(|known| *known == name);
    let (Some(proxy), Some(server), Some(status)) = (column("pxname"), column("svname"), column("status"))
    else {
        return Vec::new();
    };
    let mut out: Vec<ServiceTopology> = ports
        .iter()
        .map(|(name, port)| ServiceTopology {
            name: name.clone(),
            port: *port,
            seen_from: seen_from.to_owned(),
            servers: Vec::new(),
        })
        .collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or("");
        let number =
            |name: &str| column(name).map(cell).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        if matches!(cell(server), "FRONTEND" | "BACKEND") {
            continue;
        }
        let service = out.iter_mut().find(|service| cell(proxy) == format!("{cluster}-{}", service.name));
        if let Some(service) = service {
            service.servers.push(HaproxyServer {
                instance: cell(server).to_owned(),
                status: cell(status).to_owned(),
                backup: number("bck") == 1,
                weight: number("weight"),
                sessions: number("scur"),
            });
        }
    }
    out.retain(|service| !service.servers.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_per_service() {
        let csv = "# pxname,svname,scur,status,weight,bck\npg-test-primary,FRONTEND,0,OPEN,,\npg-test-primary,pg-test-1,2,UP,100,0\npg-test-2-primary,pg-test-2-1,0,UP,100,0\n";
        let found =
            services(csv, "pg-test", &[("primary".into(), 5433), ("replica".into(), 5434)], "10.0.0.1");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].port, found[0].servers[0].sessions, found[0].servers.len()), (5433, 2, 1));
    }
}
