-- Run at every start, so that it changes nothing where there is nothing to change.
SELECT 'CREATE ROLE app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
SELECT 'CREATE DATABASE app OWNER app' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
\connect app
SET ROLE app;
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS visits (number bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
