namespace Dtt.Core.Platform;

/// <summary>Variables of the environment that may hold a secret: nobody but the silo needs them, so what it starts does not get them.</summary>
public static class SecretVariables
{
    /// <summary>Their names: of PostgreSQL's password, of the Hugging Face Hub's token, and of the keys that a collector of metrics asks for.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        PostgresAddress.Variable, "PGPASSWORD", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    ];
}
