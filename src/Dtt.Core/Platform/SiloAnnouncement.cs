using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Storage;

namespace Dtt.Core.Platform;

/// <summary>
/// <c>silo.json</c>: the silo that serves a state folder. It identifies the process by number, start time and boot, so a later process with the
/// same number is not mistaken for it.
/// </summary>
public sealed record SiloAnnouncement
{
    /// <summary>The line on standard error by which a starting silo says that it accepts clients; any other line says why it does not.</summary>
    public const string ReadyLine = "ready";

    /// <summary>The process.</summary>
    public required int Process { get; init; }

    /// <summary>When the kernel started it, in clock ticks since boot.</summary>
    public required long StartTicks { get; init; }

    /// <summary>The boot it belongs to.</summary>
    public required string BootId { get; init; }

    /// <summary>Loopback port of the gateway, for clients.</summary>
    public required int GatewayPort { get; init; }

    /// <summary>Loopback port for silos.</summary>
    public required int SiloPort { get; init; }

    /// <summary>The build that it runs.</summary>
    public required string Build { get; init; }

    /// <summary>Where its PostgreSQL database is (<see cref="PostgresAddress.Name"/>, which holds no secret); null: SQLite, in this folder.</summary>
    public string? Store { get; init; }

    /// <summary>Writes the file in one step.</summary>
    public void Save(string file) => DurableFile.Replace(file, JsonSerializer.SerializeToUtf8Bytes(this, AnnouncementJson.Default.SiloAnnouncement));

    /// <summary>The announced silo if it lives, else null.</summary>
    public static SiloAnnouncement? FindLiving(string file)
    {
        try
        {
            var found = JsonSerializer.Deserialize(File.ReadAllBytes(file), AnnouncementJson.Default.SiloAnnouncement);
            return found is not null && found.BootId == CurrentBootId() && StartTicksOf(found.Process) == found.StartTicks ? found : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The announcement of this process.</summary>
    public static SiloAnnouncement OfThisProcess(int gatewayPort, int siloPort, string build, string? store) => new()
    {
        Process = Environment.ProcessId,
        StartTicks = StartTicksOf(Environment.ProcessId) ?? 0,
        BootId = CurrentBootId(),
        GatewayPort = gatewayPort,
        SiloPort = siloPort,
        Build = build,
        Store = store,
    };

    /// <summary>When the kernel started a process, in clock ticks since boot; null when there is no such process or it is a zombie.</summary>
    public static long? StartTicksOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] == "Z" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string CurrentBootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}

/// <summary>The JSON of <c>silo.json</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SiloAnnouncement))]
internal sealed partial class AnnouncementJson : JsonSerializerContext;
