-- Which settings of a plugin its schema leaves to admins, as nodes told it last: that counts where nobody tells it, as while
-- the plugin is switched off. No desired state; of a plugin that was removed it stays, since going back may bring it back.
CREATE TABLE admin_settings (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin_id INTEGER NOT NULL UNIQUE,
    settings  TEXT    NOT NULL CHECK (json_type(settings) = 'array')
);
