//! The rule of `docs/fairness.md` (*How a capacity is divided*) in exact fractions, sentence by sentence, by another way than the
//! allocator's: claims are satisfied one after the other, in the order of demand for weight.

use std::collections::{BTreeMap, BTreeSet};

use headworks_core::catalog::{ClassTerms, SupplyTerms};
use headworks_core::record::AccountTerms;

use super::Leaf;
use super::rational::Fraction;

/// A class, cluster, account or key: its claim on its parent, and what is below it.
struct Node {
    /// The part of its floor that it asks for.
    floor: Fraction,
    demand: Fraction,
    weight: u32,
    below: Below,
}

enum Below {
    Nodes(Vec<Node>),
    /// A key: its place in the list of leaves.
    Leaf(usize),
}

/// What each leaf has by the rule.
pub(super) fn exact_shares(terms: &SupplyTerms, capacity: u64, leaves: &[Leaf]) -> Vec<Fraction> {
    let mut shares = vec![Fraction::ZERO; leaves.len()];
    let classes = classes(leaves);
    let parts = among_classes(terms, Fraction::of(capacity), &classes);
    for ((_, class), part) in classes.iter().zip(parts) {
        hand_down(class, part, &mut shares);
    }
    shares
}

fn hand_down(node: &Node, part: Fraction, shares: &mut [Fraction]) {
    match &node.below {
        Below::Leaf(at) => shares[*at] = part,
        Below::Nodes(nodes) => {
            for (child, part) in nodes.iter().zip(floors_first(part, nodes)) {
                hand_down(child, part, shares);
            }
        }
    }
}

/// "Each node has the part of its floor that it asks for, and the rest is shared by weight."
fn floors_first(part: Fraction, nodes: &[Node]) -> Vec<Fraction> {
    let floors = by_weight(part, nodes.iter().map(|n| (n.floor, n.weight)).collect());
    let rest = part.less(floors.iter().copied().sum());
    let wants = nodes.iter().zip(&floors).map(|(n, floor)| (n.demand.less(*floor), n.weight));
    let more = by_weight(rest, wants.collect());
    floors.into_iter().zip(more).map(|(floor, more)| floor.plus(more)).collect()
}

/// Weighted max-min: who asks least for its weight is satisfied first; once one cannot be, all that are left share by weight.
fn by_weight(capacity: Fraction, wants: Vec<(Fraction, u32)>) -> Vec<Fraction> {
    let mut order: Vec<usize> = (0..wants.len()).collect();
    let for_weight = |at: usize| wants[at].0.over(wants[at].1.into());
    order.sort_by_cached_key(|at| for_weight(*at));
    let mut parts = vec![Fraction::ZERO; wants.len()];
    let (mut left, mut weight) = (capacity, wants.iter().map(|(_, w)| u64::from(*w)).sum::<u64>());
    for at in order {
        let (demand, own) = wants[at];
        let fair = left.times(own.into()).over(weight);
        parts[at] = demand.min(fair);
        left = left.less(parts[at]);
        weight -= u64::from(own);
    }
    parts
}

fn among_classes(terms: &SupplyTerms, capacity: Fraction, classes: &[(u16, Node)]) -> Vec<Fraction> {
    let of = |class: u16| terms.class_at(class).copied().expect("a class of the supply");
    let own: Vec<ClassTerms> = classes.iter().map(|(class, _)| of(*class)).collect();
    // "A class takes at most its floor and what it may borrow."
    let demands: Vec<Fraction> = classes
        .iter()
        .zip(&own)
        .map(|((_, node), t)| {
            node.demand.min(capacity.percent(t.floor_percent).plus(capacity.percent(t.borrow_percent)))
        })
        .collect();
    // "Of a floor F of which d is asked for, others use at most the smaller of F - d and F x lend_percent; the rest stays free."
    let mut left = capacity;
    for (at, (_, t)) in terms.classes.iter().enumerate() {
        let floor = capacity.percent(t.floor_percent);
        let class = classes.iter().find(|(class, _)| usize::from(*class) == at);
        let unused = floor.less(class.map_or(Fraction::ZERO, |(_, node)| node.demand));
        left = left.less(unused.less(unused.min(floor.percent(t.lend_percent))));
    }
    let mut parts = vec![Fraction::ZERO; classes.len()];
    let mut give = |budget: Fraction, most: &dyn Fn(usize) -> Fraction, parts: &mut Vec<Fraction>| {
        let wants = (0..parts.len()).map(|at| (demands[at].less(parts[at]).min(most(at)), own[at].weight));
        let given = by_weight(budget.min(left), wants.collect());
        for (part, more) in parts.iter_mut().zip(&given) {
            *part = part.plus(*more);
        }
        left = left.less(given.into_iter().sum());
    };
    // "Floors first."
    give(capacity, &|at| capacity.percent(own[at].floor_percent), &mut parts);
    // "Then each band that still wants something, the highest first, has its starvation floor: the largest of its classes'
    // that want something."
    let in_band = |band: u8, at: usize| if own[at].priority == band { capacity } else { Fraction::ZERO };
    let bands: BTreeSet<u8> = own.iter().map(|t| t.priority).collect();
    let hungry: Vec<bool> = demands.iter().zip(&parts).map(|(demand, part)| part < demand).collect();
    for band in &bands {
        let keeps = (0..own.len()).filter(|at| hungry[*at] && own[*at].priority == *band);
        let keeps = keeps.map(|at| own[at].starvation_percent).max().unwrap_or(0);
        give(capacity.percent(keeps), &|at| in_band(*band, at), &mut parts);
    }
    // "Then band by band, as much as is left."
    for band in &bands {
        give(capacity, &|at| in_band(*band, at), &mut parts);
    }
    parts
}

/// The tree above the leaves, from the bottom up.
fn classes(leaves: &[Leaf]) -> Vec<(u16, Node)> {
    type Keys = Vec<Node>;
    let mut accounts: BTreeMap<(u16, u64, u64), (AccountTerms, Keys)> = BTreeMap::new();
    for (at, (sharer, terms, demand)) in leaves.iter().enumerate() {
        let key =
            Node { floor: Fraction::ZERO, demand: Fraction::of(*demand), weight: 1, below: Below::Leaf(at) };
        let account = accounts.entry((sharer.class, sharer.cluster, sharer.account));
        account.or_insert_with(|| (*terms, Vec::new())).1.push(key);
    }
    let mut clusters: BTreeMap<(u16, u64), Vec<Node>> = BTreeMap::new();
    for ((class, cluster, _), (terms, keys)) in accounts {
        // "An account's demand is that of its keys, at most its maximum."
        let all: Fraction = keys.iter().map(|k| k.demand).sum();
        let demand = terms.max.map_or(all, |max| all.min(Fraction::of(max)));
        let floor = demand.min(Fraction::of(terms.floor));
        let account = Node { floor, demand, weight: terms.weight, below: Below::Nodes(keys) };
        clusters.entry((class, cluster)).or_default().push(account);
    }
    let mut classes: BTreeMap<u16, Vec<Node>> = BTreeMap::new();
    for ((class, _), accounts) in clusters {
        // "A cluster has the weight of its heaviest account."
        let weight = accounts.iter().map(|a| a.weight).max().expect("an account");
        classes.entry(class).or_default().push(above(accounts, weight));
    }
    classes.into_iter().map(|(class, clusters)| (class, above(clusters, 1))).collect()
}

fn above(nodes: Vec<Node>, weight: u32) -> Node {
    Node {
        floor: nodes.iter().map(|n| n.floor).sum(),
        demand: nodes.iter().map(|n| n.demand).sum(),
        weight,
        below: Below::Nodes(nodes),
    }
}
