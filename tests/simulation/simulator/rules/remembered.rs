//! What is asked of services with `unless-stopped` is written down, unless that is refused: and then the next time.

use super::{Check, Rule, Scene, holds};
use rinit::model::Restart;
use rinit::supervisor::{Event, ServiceId};

#[derive(Default)]
pub struct Remembered {
    /// The services that somebody has just stopped, or not.
    asked: Option<(Vec<ServiceId>, bool)>,
}

impl Rule for Remembered {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        let asked = match event {
            Event::Stop { services } => Some((services.clone(), true)),
            Event::Start { services } | Event::Restart { services } => Some((services.clone(), false)),
            _ => None,
        };
        self.asked = asked.filter(|_| !scene.supervisor.is_stopping() && !scene.refuses);
        Ok(())
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        let Some((services, stopped)) = self.asked.take() else { return Ok(()) };
        services.into_iter().try_for_each(|ServiceId(service)| {
            let policy = scene.defined.get(service).map(|service| service.policy.restart);
            let written = scene.remembered.get(&service).copied().unwrap_or_default();
            holds(policy != Some(Restart::UnlessStopped) || written == stopped, || {
                format!("what is remembered of {} is that it is stopped: {written}", scene.name(service))
            })
        })
    }
}
