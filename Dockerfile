# The first stage builds a static binary. The final image contains only this binary, CA certificates and an empty data folder.

FROM docker.io/library/rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The flag `crt-static` makes the GNU target link statically. Because of `--target`, it does not apply to build scripts.
RUN target="$(rustc --print host-tuple)" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" --bin central-oauth \
 && install -D "target/$target/release/central-oauth" /image/usr/local/bin/central-oauth \
 && install -D /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && mkdir -p /empty

FROM scratch
COPY --from=build /image /
# The only folder that the service writes to. COPY sets its owner.
COPY --from=build --chown=65532:65532 /empty /data
ENV CENTRAL_OAUTH_LISTEN_ADDR=0.0.0.0:8080 \
    CENTRAL_OAUTH_DB_PATH=/data/db.sqlite3 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
VOLUME /data
EXPOSE 8080
# The start period allows for a migration, which may take 10 minutes (moby/moby#28938).
HEALTHCHECK --interval=30s --timeout=6s --start-period=660s CMD ["/usr/local/bin/central-oauth", "health"]
ENTRYPOINT ["/usr/local/bin/central-oauth"]
CMD ["serve"]
