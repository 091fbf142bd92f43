namespace Dtt.Core.Platform;

/// <summary>Variables of the environment that may hold a secret: nobody but the silo needs them, so what it starts does not get them.</summary>
public static class SecretVariables
{
    /// <summary>Their names: of PostgreSQL's password and of the Hugging Face Hub's token.</summary>
    public static IReadOnlyList<string> All { get; } = [PostgresAddress.Variable, "PGPASSWORD", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
}
