using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Hub;

/// <summary>How a user reaches the Hub, as Hugging Face's own programs read it from the environment.</summary>
public sealed record HubAccess
{
    private const string PublicHub = "https://huggingface.co";

    /// <summary>The Hub or a mirror of it, without a slash at the end: <c>HF_ENDPOINT</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The user's token, or null: <c>HF_TOKEN</c>, or the file <c>HF_TOKEN_PATH</c>, which is <c>HF_HOME/token</c> where that is not set.</summary>
    public string? Token { get; init; }

    /// <summary>Where Hugging Face's programs keep what they downloaded, or null: <c>HF_HUB_CACHE</c>, or <c>HF_HOME/hub</c>.</summary>
    public string? Cache { get; init; }

    /// <summary>Whether nothing is to be fetched: <c>HF_HUB_OFFLINE</c>.</summary>
    public bool IsOffline { get; init; }

    /// <summary>The endpoint's name in messages.</summary>
    [JsonIgnore]
    public string Host => new Uri(Endpoint).Authority;

    /// <summary>The access of this process's environment.</summary>
    /// <exception cref="UserErrorException">A variable has no meaning; it is named.</exception>
    public static HubAccess FromEnvironment() => From(Environment.GetEnvironmentVariable);

    /// <summary>The access that variables describe.</summary>
    /// <param name="variable">The value of a variable, or null.</param>
    /// <exception cref="UserErrorException">A variable has no meaning; it is named.</exception>
    public static HubAccess From(Func<string, string?> variable)
    {
        string? Of(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;
        var home = Of("HF_HOME") ?? ((Of("XDG_CACHE_HOME") ?? (Of("HOME") is { } user ? Path.Combine(user, ".cache") : null)) is { } cache
            ? Path.Combine(cache, "huggingface") : null);
        var tokenFile = Of("HF_TOKEN_PATH") ?? (home is null ? null : Path.Combine(home, "token"));
        return new HubAccess
        {
            Endpoint = EndpointOf(Of("HF_ENDPOINT") ?? PublicHub),
            Token = TokenOf(Of("HF_TOKEN") ?? Read(tokenFile)),
            Cache = Of("HF_HUB_CACHE") ?? (home is null ? null : Path.Combine(home, "hub")),
            IsOffline = Of("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };
    }

    /// <summary>Reads what <see cref="Save"/> wrote; null when there is none.</summary>
    public static HubAccess? Find(string file) =>
        File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.HubAccess) : null;

    /// <summary>Writes it for another process of this user.</summary>
    public void Save(string file) => DurableFile.Replace(file, JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.HubAccess),
        UnixFileMode.UserRead | UnixFileMode.UserWrite);

    /// <summary>Without the token: it is in no log.</summary>
    public override string ToString() => Endpoint;

    private static string EndpointOf(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 && uri.Query.Length == 0
            ? value.TrimEnd('/')
            : throw new UserErrorException($"HF_ENDPOINT is '{value}', which is no address of a Hub such as {PublicHub}.", ExitCodes.BadConfiguration);

    private static string? TokenOf(string? value) => value is null || value.All(c => c is > ' ' and <= '~') ? value
        : throw new UserErrorException("the token in HF_TOKEN (or its file) has characters that no token has; copy it again from the Hub's settings.",
            ExitCodes.BadConfiguration);

    private static string? Read(string? file)
    {
        try
        {
            return file is not null && File.Exists(file) && File.ReadAllText(file, Encoding.UTF8).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the token in {file} cannot be read: {e.Message}", ExitCodes.BadConfiguration, e);
        }
    }
}
