namespace Dtt.Core.Errors;

/// <summary>One or more configuration errors, all found before anything starts; exit code 2.</summary>
public sealed class ConfigurationException(IReadOnlyList<string> errors)
    : UserErrorException(string.Join(Environment.NewLine, errors), ExitCodes.BadConfiguration)
{
    /// <summary>A single error.</summary>
    public ConfigurationException(string error) : this([error]) { }

    /// <summary>One line per error: <c>file:line: what, and what to do</c>.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
