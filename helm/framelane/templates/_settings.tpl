{{/* What gateways, workers and Flower are told: settings in a ConfigMap, secrets by reference. */}}

{{/* A value as a setting reads it. Whole numbers come as floats out of YAML. */}}
{{- define "framelane.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else if or (kindIs "map" .) (kindIs "slice" .) -}}
{{- toJson . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end }}

{{/* `{section: {field: value}}` as `FRAMELANE_SECTION__FIELD: "value"` */}}
{{- define "framelane.variables" -}}
{{- range $section, $fields := . }}
{{- range $field, $value := $fields }}
{{- if not (kindIs "invalid" $value) }}
FRAMELANE_{{ upper $section }}__{{ upper $field }}: {{ include "framelane.value" $value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* All of the chart's own and of `settings`, for the ConfigMap. */}}
{{- define "framelane.settings" -}}
{{- $s3 := .Values.s3 -}}
{{- $own := dict
  "auth" (dict "mode" .Values.auth.mode)
  "broker" (dict "events" .Values.flower.enabled)
  "artifacts" (dict
    "kind" "s3"
    "endpoint" (include "framelane.s3Endpoint" .)
    "bucket" $s3.bucket
    "region" $s3.region
    "secure" (and $s3.tls (not .Values.seaweedfs.enabled))
  )
-}}
{{- if $s3.publicUrl }}{{ $_ := set $own.artifacts "public_url" $s3.publicUrl }}{{ end -}}
{{- include "framelane.variables" (mergeOverwrite (deepCopy .Values.settings) $own) -}}
{{- end }}

{{- define "framelane.redisHost" -}}
{{- if .Values.valkey.enabled }}{{ include "framelane.fullname" . }}-valkey{{ else }}{{ .Values.redis.host }}{{ end -}}
{{- end }}

{{- define "framelane.redisPort" -}}
{{- if .Values.valkey.enabled }}6379{{ else }}{{ int .Values.redis.port }}{{ end -}}
{{- end }}

{{- define "framelane.redisSecret" -}}
{{- if .Values.redis.existingSecret }}{{ .Values.redis.existingSecret }}{{ else }}{{ include "framelane.generatedSecret" . }}{{ end -}}
{{- end }}

{{/* Non-empty if each part has a user of its own. */}}
{{- define "framelane.redisPerPart" -}}
{{- if or .Values.valkey.enabled .Values.redis.usersPerPart }}yes{{ end -}}
{{- end }}

{{/* JSON list of them. */}}
{{- define "framelane.redisUsers" -}}
{{- list "gateway" "worker" "flower" "scaler" "backup" | toJson -}}
{{- end }}

{{/* Who a part logs in as: list of the root and the part; empty: the default user. */}}
{{- define "framelane.redisUser" -}}
{{- ternary (index . 1) (index . 0).Values.redis.username (include "framelane.redisPerPart" (index . 0) | ne "") -}}
{{- end }}

{{/* The entry with its password: list of the root and the part. */}}
{{- define "framelane.redisPasswordKey" -}}
{{- $redis := (index . 0).Values.redis -}}
{{- if include "framelane.redisPerPart" (index . 0) -}}
redis-password-{{ index . 1 }}
{{- else -}}
{{- ternary $redis.passwordKey "redis-password" (ne $redis.existingSecret "") -}}
{{- end -}}
{{- end }}

{{/* Non-empty if a password is sent. */}}
{{- define "framelane.redisHasPassword" -}}
{{- if or .Values.valkey.enabled (not .Values.redis.noPassword) }}yes{{ end -}}
{{- end }}

{{/* The kubelet puts the password in. List of the root and a part. */}}
{{- define "framelane.redisUrl" -}}
{{- $root := index . 0 -}}
{{- if and $root.Values.redis.tls (not $root.Values.valkey.enabled) }}rediss{{ else }}redis{{ end }}://
{{- if include "framelane.redisHasPassword" $root -}}
{{ include "framelane.redisUser" . }}:$(REDIS_PASSWORD)@
{{- end -}}
{{ include "framelane.redisHost" $root }}:{{ include "framelane.redisPort" $root }}/{{ int $root.Values.redis.database }}
{{- end }}

{{- define "framelane.s3Endpoint" -}}
{{- if .Values.seaweedfs.enabled }}{{ include "framelane.fullname" . }}-s3:8333{{ else }}{{ .Values.s3.endpoint }}{{ end -}}
{{- end }}

{{- define "framelane.s3Secret" -}}
{{- if .Values.s3.existingSecret }}{{ .Values.s3.existingSecret }}{{ else }}{{ include "framelane.generatedSecret" . }}{{ end -}}
{{- end }}

{{- define "framelane.s3AccessKeyKey" -}}
{{- if .Values.s3.existingSecret }}{{ .Values.s3.accessKeyKey }}{{ else }}s3-access-key{{ end -}}
{{- end }}

{{- define "framelane.s3SecretKeyKey" -}}
{{- if .Values.s3.existingSecret }}{{ .Values.s3.secretKeyKey }}{{ else }}s3-secret-key{{ end -}}
{{- end }}

{{/* list of the root and a part */}}
{{- define "framelane.redisEnv" -}}
{{- if include "framelane.redisHasPassword" (index . 0) }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "framelane.redisSecret" (index . 0) }}
      key: {{ include "framelane.redisPasswordKey" . }}
{{- end }}
- name: FRAMELANE_REDIS__URL
  value: {{ include "framelane.redisUrl" . | quote }}
{{- end }}

{{/* Environment of gateways and workers: list of the root and which of them. */}}
{{- define "framelane.env" -}}
{{- include "framelane.redisEnv" . }}
{{- include "framelane.commonEnv" (index . 0) }}
{{- end }}

{{- define "framelane.commonEnv" }}
- name: FRAMELANE_ARTIFACTS__ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "framelane.s3Secret" . }}
      key: {{ include "framelane.s3AccessKeyKey" . }}
- name: FRAMELANE_ARTIFACTS__SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "framelane.s3Secret" . }}
      key: {{ include "framelane.s3SecretKeyKey" . }}
{{- range $name, $from := .Values.secretEnv }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.name }}
      key: {{ $from.key }}
{{- end }}
{{- end }}

{{/* What gateways alone are told. */}}
{{- define "framelane.gatewayEnv" -}}
{{- include "framelane.env" (list . "gateway") }}
- name: FRAMELANE_AUTH__ADMIN_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.auth.existingSecret | default (include "framelane.generatedSecret" .) }}
      key: {{ ternary .Values.auth.adminKeyKey "admin-key" (ne .Values.auth.existingSecret "") }}
{{- end }}

{{/* First part of every key. */}}
{{- define "framelane.prefix" -}}
{{- dig "redis" "prefix" "framelane" .Values.settings -}}
{{- end }}

{{/* As KEDA reaches it from its own namespace. */}}
{{- define "framelane.redisAddress" -}}
{{- include "framelane.redisHost" . }}{{ if .Values.valkey.enabled }}.{{ .Release.Namespace }}.svc{{ end }}:{{ include "framelane.redisPort" . -}}
{{- end }}
