/// The table of what operators and keys have done, which the server itself keeps append-only and chained.
///
/// A writer gives the members of an entry; number, time and hash are the server's, in a trigger that runs with the rights
/// of the tables' owner. So a role that may insert can neither choose a place in the chain nor forge a hash, and needs no right
/// but that. Entries are numbered without a gap from 1: `audit_head` has the last one and is locked until the writer's
/// transaction ends, so that an act and its entry are committed together or not at all.
enum AuditSchema {
    static let sql = """
        CREATE TABLE audit (
            position   bigint PRIMARY KEY,
            at         timestamptz NOT NULL,
            -- Who, how that is known (os, token, key, open, anonymous), and from where.
            actor      text NOT NULL,
            actor_kind text NOT NULL,
            origin     text NOT NULL,
            -- As whom, where that isn't the actor's name.
            alias      text,
            -- Whose data it is about; null: of no tenant in particular.
            tenant     text,
            act        text NOT NULL,
            object     text NOT NULL,
            reason     text,
            -- JSON, as text: what is hashed is what was written.
            detail     text,
            hash       bytea NOT NULL
        );
        CREATE TABLE audit_head (
            only_one bool PRIMARY KEY DEFAULT true CHECK (only_one),
            position bigint NOT NULL,
            hash     bytea NOT NULL
        );
        INSERT INTO audit_head (position, hash) VALUES (0, sha256(''));

        CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $audit$
        DECLARE
            last bigint;
            before bytea;
            fields text := '';
            field text;
        BEGIN
            EXECUTE format('SELECT position, hash FROM %I.audit_head FOR UPDATE', TG_TABLE_SCHEMA) INTO STRICT last, before;
            NEW.position := last + 1;
            NEW.at := clock_timestamp();
            -- Each field as its length in bytes, a colon, the text and a comma, so that no two rows have one text; a dash
            -- for null.
            FOREACH field IN ARRAY ARRAY[
                NEW.position::text, (extract(epoch FROM NEW.at) * 1000000)::bigint::text, NEW.actor, NEW.actor_kind,
                NEW.origin, NEW.alias, NEW.tenant, NEW.act, NEW.object, NEW.reason, NEW.detail
            ] LOOP
                fields := fields || CASE WHEN field IS NULL THEN '-,' ELSE octet_length(field)::text || ':' || field || ',' END;
            END LOOP;
            NEW.hash := sha256(before || convert_to(fields, 'UTF8'));
            EXECUTE format('UPDATE %I.audit_head SET position = $1, hash = $2', TG_TABLE_SCHEMA)
                USING NEW.position, NEW.hash;
            RETURN NEW;
        END
        $audit$;
        CREATE TRIGGER audit_chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chain();

        CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $audit$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END
        $audit$;
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
        CREATE TRIGGER audit_head_stays BEFORE INSERT OR DELETE OR TRUNCATE ON audit_head
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
        -- An entry moves it, and nothing else does: by then a trigger is at work already.
        CREATE TRIGGER audit_head_is_moved BEFORE UPDATE ON audit_head
            FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION audit_refuse();
        """
}
