using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Dtt.Abstractions;

/// <summary>
/// How clients, grains and agents understand each other: the names of the platform, and DTT's types as JSON (<c>docs/adr/0005-json-on-the-wire.md</c>).
/// </summary>
public static class PlatformWire
{
    /// <summary>The service: constant, or a platform would not find its own state again.</summary>
    public const string ServiceId = "dtt";

    /// <summary>The cluster: constant, for two clusters over one store would both activate the same grain.</summary>
    public const string ClusterId = "dtt";

    /// <summary>Has DTT's own types, and only those, cross the wire as JSON by source-generated contracts.</summary>
    public static IServiceCollection AddPlatformWire(this IServiceCollection services, params IJsonTypeInfoResolver[] more)
    {
        var json = new JsonSerializerOptions(PlatformJson.Default.Options)
        {
            TypeInfoResolver = JsonTypeInfoResolver.Combine([PlatformJson.Default, .. more]),
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        };
        return services.AddSerializer(serializer => serializer.AddJsonSerializer(
            type => type.Namespace?.StartsWith("Dtt.", StringComparison.Ordinal) == true && !typeof(Exception).IsAssignableFrom(type), json));
    }
}
