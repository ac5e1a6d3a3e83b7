//! Several replicas of the agent behind one Service, and a Datadog whose values tell their
//! own time.

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};

use super::{
    Agent, ControlPlane, Datadog, Link, Readers, SWIFT, Service, Truth, Verified, eventually, http,
    is, readers, seconds,
};

/// The Lease runs out soon after its holder has gone.
const LEASE: (&str, &str) = ("DD_LEADER_LEASE_DURATION", "6");

/// A cluster with an HPA for each of some shops, named as they are numbered.
pub(crate) struct Scene {
    pub(crate) service: Service,
    pub(crate) datadog: Datadog,
    pub(crate) cp: ControlPlane,
    pub(crate) truth: Truth,
    shops: u32,
}

impl Scene {
    /// The name under which readers tell what they read through the API server.
    pub(crate) const CLUSTER: &str = "cluster";

    #[track_caller]
    pub(crate) fn with(shops: u32) -> Self {
        Self::failing(shops, &json!([]))
    }

    /// Datadog has these faults from the start.
    #[track_caller]
    pub(crate) fn failing(shops: u32, faults: &Value) -> Self {
        let cp = ControlPlane::start();
        cp.install("rbac.yaml");
        let truth = Truth::at(readers::now());
        // More than there are HPAs for at first.
        let scenario = truth.scenario(shops + 2, faults);
        let datadog = Datadog::start(cp.folder(), &scenario);
        let service = Service::new();
        cp.register(service.port(), Verified::ByItself);
        let scene = Self {
            service,
            datadog,
            cp,
            truth,
            shops,
        };
        scene.ask_for(0..shops);
        scene
    }

    /// Makes an HPA for each of these shops.
    #[track_caller]
    pub(crate) fn ask_for(&self, shops: Range<u32>) {
        let hpas: Vec<_> = shops
            .map(|shop| Truth::hpa(&format!("shop-{shop}"), "default", shop).to_string())
            .collect();
        self.cp.apply(&hpas.join("\n---\n"));
    }

    /// Starts a replica, whose name is that of its pod, and puts it behind the Service.
    #[track_caller]
    pub(crate) fn replica(&self, name: &str, more: &[(&str, &str)]) -> Agent {
        let usual = [LEASE, ("DD_POD_NAME", name)];
        let settings = [&SWIFT[..], &usual, more].concat();
        let agent = Agent::start(&self.cp, &self.datadog, &settings);
        self.service.add(&agent);
        agent
    }

    /// Two replicas that are ready, of which the first leads.
    #[track_caller]
    pub(crate) fn two(&self) -> [Agent; 2] {
        self.two_with(&[])
    }

    /// The same; the first has these variables besides.
    #[track_caller]
    pub(crate) fn two_with(&self, more: &[(&str, &str)]) -> [Agent; 2] {
        let mut first = self.replica("first", more);
        first.line(seconds(30), "this replica leads");
        let mut second = self.replica("second", &[]);
        for agent in [&mut first, &mut second] {
            agent.ready(seconds(30));
        }
        [first, second]
    }

    /// Begins to read all shops at both replicas and through the API server.
    #[track_caller]
    pub(crate) fn read_both(&self, [first, second]: [&Agent; 2]) -> Readers {
        self.read(&[("first", first), ("second", second)])
    }

    /// Begins to read all shops at each of these replicas, and through the API server, once
    /// every shop is served at every one of these places.
    #[track_caller]
    pub(crate) fn read(&self, replicas: &[(&str, &Agent)]) -> Readers {
        let mut places: Vec<_> = replicas
            .iter()
            .map(|(name, agent)| (*name, agent.url()))
            .collect();
        places.push((Self::CLUSTER, self.cp.url()));
        let certificate = self.cp.hpa_controller();
        eventually(seconds(45), "every shop is served everywhere", || {
            places
                .iter()
                .flat_map(|(_, base)| (0..self.shops).map(move |shop| (base, shop)))
                .try_for_each(|(base, shop)| self.served_at(base, shop))
        });
        Readers::start(self.truth, 0..self.shops, certificate, &places)
    }

    /// Whether the metric of a shop is served through the API server; if not, what is.
    pub(crate) fn served(&self, shop: u32) -> Result<(), String> {
        self.served_at(&self.cp.url(), shop)
    }

    /// The same at the beginning of a URL.
    pub(crate) fn served_at(&self, base: &str, shop: u32) -> Result<(), String> {
        let client = http::reader(self.cp.hpa_controller());
        let list = client.get(&format!("{base}{}", Truth::path("default", shop)));
        let list = list.map_err(|why| format!("{base}: {why}"))?;
        let judged = self.truth.judge(shop, &list, readers::now());
        judged.map_err(|flaw| format!("{base}: {flaw:?}"))
    }

    /// Waits until this replica leads.
    #[track_caller]
    pub(crate) fn leads(&self, name: &str, within: Duration) {
        eventually(within, &format!("{name} leads"), || {
            self.leader().and_then(is(name))
        });
    }

    /// Waits until Datadog has been asked so many times more: what was to happen, has.
    #[track_caller]
    pub(crate) fn goes_on(&self, calls: usize) {
        let before = self.datadog.calls().len();
        eventually(seconds(60), "Datadog is asked", || {
            match self.datadog.calls().len() - before {
                made if made >= calls => Ok(()),
                few => Err(format!("{few} calls")),
            }
        });
    }

    /// Who holds the Lease.
    pub(crate) fn leader(&self) -> Result<String, String> {
        self.cp
            .field("lease/datadog-leader-election", "{.spec.holderIdentity}")
    }

    /// A link to the simulated Datadog, and the address that goes through it.
    pub(crate) fn link_to_datadog(&self) -> (Link, String) {
        let link = Link::to(self.datadog.port());
        let url = format!("http://127.0.0.1:{}", link.port());
        (link, url)
    }

    /// A link to the API server, and a kubeconfig of the agent's account that goes through it.
    pub(crate) fn link_to_cluster(&self) -> (Link, String) {
        let link = Link::to(self.cp.port());
        let url = format!("https://127.0.0.1:{}", link.port());
        let kubeconfig = self.cp.service_account_by(&url, "default", "dca");
        (link, kubeconfig.display().to_string())
    }
}
