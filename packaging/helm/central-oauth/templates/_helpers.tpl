{{- define "central-oauth.labels" -}}
app.kubernetes.io/name: central-oauth
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
