"""What Alembic runs to apply revisions: on the connection and in the transaction it is given."""

from alembic import context

import consumers.alerting.tables
import consumers.storage.tables  # noqa: F401 - declares its tables
from consumers.columns import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
