using System.CommandLine;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Cli.Commands;

/// <summary><c>--cluster FOLDER</c> on any command: the cluster whose nodes share that <c>DTT_HOME</c>.</summary>
internal static class ClusterOption
{
    /// <summary>The option.</summary>
    public static Option<string?> Instance { get; } = new("--cluster")
    {
        Description = "Speak to the cluster whose nodes share this DTT_HOME.",
        HelpName = "FOLDER",
        Recursive = true,
    };

    /// <summary>Has this process use the folder that was named.</summary>
    /// <exception cref="UserErrorException">No cluster is announced there.</exception>
    public static void Apply(ParseResult result)
    {
        if (result.GetValue(Instance) is { } folder) ClusterFolder.Use(folder);
    }
}
