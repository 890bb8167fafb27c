//! Cycles in a dependency graph.

/// A cycle among the nodes `0..edges.len()`, as a path whose first node is also its last, or `None`. `edges[n]`
/// lists what n depends on; an index out of range is no edge. Needs no recursion, however deep the graph.
pub fn find_cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        // The path from `start` to here: each node with the edges that are still to be followed.
        let mut path: Vec<(usize, std::slice::Iter<'_, usize>)> = Vec::new();
        let mut next = (marks.get(start) == Some(&Mark::New)).then_some(start);
        loop {
            if let Some(node) = next.take()
                && let (Some(mark), Some(out)) = (marks.get_mut(node), edges.get(node))
            {
                *mark = Mark::OnPath;
                path.push((node, out.iter()));
            }
            let Some((node, out)) = path.last_mut() else { break };
            let node = *node;
            match out.next() {
                Some(&to) => match marks.get(to) {
                    Some(Mark::New) => next = Some(to),
                    Some(Mark::OnPath) => {
                        let cycle = path.iter().map(|(n, _)| *n).skip_while(|n| *n != to);
                        return Some(cycle.chain([to]).collect());
                    }
                    Some(Mark::Done) | None => {}
                },
                None => {
                    if let Some(mark) = marks.get_mut(node) {
                        *mark = Mark::Done;
                    }
                    path.pop();
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_found_as_a_path() {
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![]]), None);
        assert_eq!(find_cycle(&[vec![1, 2], vec![2], vec![]]), None);
        assert_eq!(find_cycle(&[vec![0]]), Some(vec![0, 0]));
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![3], vec![1]]), Some(vec![1, 2, 3, 1]));
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let mut edges: Vec<Vec<usize>> = (1..=200_000).map(|n| vec![n]).collect();
        edges.push(vec![]);
        assert_eq!(find_cycle(&edges), None);
        edges[200_000] = vec![199_999];
        assert_eq!(find_cycle(&edges), Some(vec![199_999, 200_000, 199_999]));
    }
}
