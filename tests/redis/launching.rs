//! Fleets of our own: they stand when `start` returns, fail over, and leave nothing behind.

use redwarden::launcher::{Cluster, ClusterShape, SentinelGroup, SentinelShape};

use crate::support::*;

#[tokio::test]
async fn a_cluster_stands_and_fails_over() {
    let mut cluster = Cluster::start(&ClusterShape { replicas: 1, ..ClusterShape::default() }).unwrap();
    assert_eq!(cluster.servers().count(), 6);
    for endpoint in cluster.endpoints() {
        assert!(endpoint.address.to_string().rsplit(':').next().unwrap().parse::<u32>().unwrap() < 55_000);
        let info = run(&mut raw(&endpoint).await, "CLUSTER INFO").await.as_bytes().unwrap().escaped();
        assert!(info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384"), "{info}");
    }
    assert_eq!([0, 5461, 16383].map(|slot| cluster.owner_of(slot)), [Some(0), Some(1), Some(2)]);
    let dirs: Vec<_> = cluster.servers().map(|s| s.dir().to_path_buf()).collect();
    cluster.server_mut(0).unwrap().kill();
    until_within(30, "the replica takes over", async || cluster.owner_of(0) == Some(3)).await;
    drop(cluster);
    assert!(dirs.iter().all(|dir| !dir.exists()));
}

#[tokio::test]
async fn a_sentinel_group_stands_and_fails_over() {
    let mut group = SentinelGroup::start(&SentinelShape { replicas: 2, ..SentinelShape::default() }).unwrap();
    assert_eq!((group.servers().count(), group.sentinels().count()), (3, 3));
    assert_eq!(group.primary(), Some(0));
    for sentinel in group.sentinels() {
        let quorum = run(&mut raw(&sentinel.endpoint()).await, "SENTINEL CKQUORUM mymaster").await;
        assert!(quorum.as_bytes().unwrap().escaped().starts_with("OK 3 usable Sentinels"), "{quorum:?}");
    }
    group.server_mut(0).unwrap().kill();
    until_within(60, "another primary", async || matches!(group.primary(), Some(1 | 2))).await;
}
