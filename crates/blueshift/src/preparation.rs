//! What is made on a fresh stack before it is ready, and again after every reset.

use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::init::Scripts;
use crate::provision::{Provisioned, Resources};
use crate::readiness::Readiness;

/// What the settings and the init scripts ask for.
#[derive(Debug, Clone)]
pub(crate) struct Preparation {
    pub(crate) resources: Option<Resources>,
    pub(crate) scripts: Option<Scripts>,
    pub(crate) endpoints: Endpoints,
    pub(crate) readiness: Readiness,
}

impl Preparation {
    /// Makes the settings' resources, then runs the scripts.
    ///
    /// # Errors
    /// The first thing that cannot be made, or script that fails.
    pub(crate) async fn run(&self) -> Result<Option<Provisioned>, StackError> {
        let mut environment = self.endpoints.environment();
        let mut provisioned = None;
        if let Some(resources) = self.resources.clone() {
            let made = resources.provision(&self.endpoints).await?;
            environment.extend(made.environment());
            provisioned = Some(made);
        }
        if let Some(scripts) = &self.scripts {
            scripts.run(&environment, &self.readiness).await?;
        }
        Ok(provisioned)
    }
}
