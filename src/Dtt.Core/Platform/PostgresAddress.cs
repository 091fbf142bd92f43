using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Errors;

namespace Dtt.Core.Platform;

/// <summary>
/// <c>DTT_POSTGRES</c>: the PostgreSQL database that keeps a platform's state in SQLite's place, as a URI of libpq
/// (<c>postgresql://user@host:port/database</c>), its <c>key=value</c> pairs, or Npgsql's <c>key=value;</c> pairs. Errors name settings and never their values,
/// which may hold a password.
/// </summary>
public sealed partial class PostgresAddress
{
    /// <summary>The environment variable.</summary>
    public const string Variable = "DTT_POSTGRES";

    private const string DefaultPort = "5432";

    /// <summary>Names of libpq and Npgsql, without spaces and underscores, by the name that Npgsql gives them.</summary>
    private static readonly Dictionary<string, string[]> _names = new()
    {
        ["Host"] = ["host", "hostaddr", "server"],
        ["Port"] = ["port"],
        ["Database"] = ["dbname", "database", "db"],
        ["Username"] = ["user", "username", "userid", "uid"],
        ["Password"] = ["password", "psw", "pwd"],
        ["Passfile"] = ["passfile"],
        ["Timeout"] = ["connecttimeout", "timeout"],
        ["SSL Mode"] = ["sslmode"],
        ["SSL Certificate"] = ["sslcert", "sslcertificate"],
        ["SSL Key"] = ["sslkey"],
        ["SSL Password"] = ["sslpassword"],
        ["Root Certificate"] = ["sslrootcert", "rootcertificate"],
        ["GSS Encryption Mode"] = ["gssencmode", "gssencryptionmode"],
    };

    private PostgresAddress(Dictionary<string, string> settings)
    {
        Settings = settings;
        Port = settings.GetValueOrDefault("Port", DefaultPort);
        if (!ushort.TryParse(Port, CultureInfo.InvariantCulture, out var port) || port == 0)
            throw Wrong("the port is not a number from 1 to 65535" + Escaping);
        Host = Required("Host");
        Database = Required("Database");
        if (Host.Contains(',')) throw Wrong("it names several hosts; DTT takes one");
    }

    /// <summary>Host name, address, or the folder of a Unix socket.</summary>
    public string Host { get; }

    /// <summary>Port; 5432 by default.</summary>
    public string Port { get; }

    /// <summary>The database.</summary>
    public string Database { get; }

    /// <summary>All settings by Npgsql's names, or as they were given where there is none; may hold a password.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>Host, port and database: which store it is, for people and for comparing; holds no secret.</summary>
    public string Name => $"{Host}:{Port}/{Database}";

    private static string Escaping => "; in a URI, write / @ : ? # % of a name or password as %2F %40 %3A %3F %23 %25";

    /// <summary>The address in this process's environment, or null: SQLite. A relative <c>PGPASSFILE</c> is looked for from here.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or names no host or no database.</exception>
    public static PostgresAddress? FromEnvironment() =>
        Parse(Environment.GetEnvironmentVariable(Variable), Environment.GetEnvironmentVariable("PGPASSFILE"));

    /// <summary>Reads an address; null where there is none.</summary>
    /// <param name="text">The address.</param>
    /// <param name="passfile"><c>PGPASSFILE</c>, unless the address names a file.</param>
    /// <exception cref="ConfigurationException">As for <see cref="FromEnvironment"/>.</exception>
    public static PostgresAddress? Parse(string? text, string? passfile = null)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        text = text.Trim();
        var given = Uri().Match(text) is { Success: true } uri ? OfUri(uri)
            : OtherUri().IsMatch(text) ? throw Wrong("it is no postgresql:// URI" + Escaping)
            : Quoted().Replace(text, "").Contains(';', StringComparison.Ordinal) ? OfNpgsql(text) : OfPairs(text);
        var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in given)
        {
            var plain = key.Replace(" ", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
            var name = _names.FirstOrDefault(n => n.Value.Contains(plain)).Key ?? key;
            if (!settings.TryAdd(name, name == "SSL Mode" ? value.Replace("-", "", StringComparison.Ordinal) : value)) throw Wrong($"it gives '{name}' twice");
        }

        if (passfile is { Length: > 0 }) settings.TryAdd("Passfile", passfile);
        if (settings.TryGetValue("Passfile", out var file)) settings["Passfile"] = Path.GetFullPath(file);
        return new PostgresAddress(settings);
    }

    private static List<(string Key, string Value)> OfUri(Match uri)
    {
        var given = new List<(string, string)>();
        foreach (var (group, name) in new[] { ("user", "user"), ("password", "password"), ("host", "host"), ("port", "port"), ("database", "dbname") })
        {
            if (uri.Groups[group].Value.Length > 0) given.Add((name, System.Uri.UnescapeDataString(uri.Groups[group].Value)));
        }

        foreach (var pair in uri.Groups["more"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Split('=') is not [var key, var value]) throw Wrong("what follows the ? is not key=value&key=value" + Escaping);
            given.Add((System.Uri.UnescapeDataString(key), System.Uri.UnescapeDataString(value)));
        }

        return given;
    }

    private static List<(string Key, string Value)> OfPairs(string text)
    {
        var pairs = Pairs().Match(text);
        if (!pairs.Success) throw Wrong("it is neither a postgresql:// URI nor key=value pairs; a value with spaces stands in single quotes");
        return [.. pairs.Groups["key"].Captures.Zip(pairs.Groups["value"].Captures, (k, v) => (k.Value, Escaped().Replace(v.Value, "$1")))];
    }

    private static List<(string Key, string Value)> OfNpgsql(string text)
    {
        try
        {
            var pairs = new DbConnectionStringBuilder { ConnectionString = text };
            return [.. pairs.Keys.Cast<string>().Select(k => (k, (string)pairs[k]))];
        }
        catch (ArgumentException)
        {
            throw Wrong("it is not key=value;key=value; a value with ; stands in double quotes");
        }
    }

    private static ConfigurationException Wrong(string what) =>
        new($"{Variable} cannot be used: {what}. Write it as postgresql://USER@HOST:5432/DATABASE, or leave it unset to keep the state in SQLite.");

    private string Required(string name) => !Settings.TryGetValue(name, out var value) || value.Length == 0
        ? throw Wrong($"it names no {name.ToLowerInvariant()}")
        : value.AsSpan().IndexOfAny(" =@;") >= (name == "Host" && value[0] == '@' ? 1 : 0) || (name == "Database" && value.Contains('/'))
            ? throw Wrong($"the {name.ToLowerInvariant()} holds a character that no {name.ToLowerInvariant()} has" + Escaping) : value;

    [GeneratedRegex("""
        ^postgres(?:ql)?://
        (?:(?<user>[^:@/?]*)(?::(?<password>[^/?]*))?@)?
        (?:\[(?<host>[^\]]+)\]|(?<host>[^:/?@]*))(?::(?<port>[^/?]*))?
        (?:/(?<database>[^?]*))?(?:\?(?<more>.*))?$
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Uri();

    [GeneratedRegex("^[a-z]+://")]
    private static partial Regex OtherUri();

    [GeneratedRegex(@"^(?:\s*(?<key>[^=\s]+)\s*=\s*(?:'(?<value>(?:[^'\\]|\\.)*)'|(?<value>(?:[^\s'\\]|\\.)*))(?=\s|$))+\s*$")]
    private static partial Regex Pairs();

    [GeneratedRegex(@"\\(.)")]
    private static partial Regex Escaped();

    [GeneratedRegex(@"'(?:[^'\\]|\\.)*'")]
    private static partial Regex Quoted();
}
